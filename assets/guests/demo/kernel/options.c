// The kernel's command line: words NAME=VALUE; a value in quotes, " or ', may hold spaces. `exec=` takes everything to the end.
#include "kernel.h"

bool boot_option(const char *name, char *value, u64 size) {
  const char *at = boot_command_line;
  u64 name_length = strlen(name);
  while (*at) {
    while (*at == ' ') at++;
    bool is_rest = starts_with(at, "exec=");
    bool found = starts_with(at, name) && at[name_length] == '=';
    while (*at && *at != ' ' && *at != '=') at++;
    if (*at == '=') at++;
    char quote = !is_rest && (*at == '"' || *at == '\'') ? *at++ : 0;
    u64 length = 0;
    for (; *at && (is_rest || (quote ? *at != quote : *at != ' ')); at++)
      if (found && length + 1 < size) value[length++] = *at;
    if (quote && *at) at++;
    if (!found) continue;
    value[length] = 0;
    return true;
  }
  return false;
}
