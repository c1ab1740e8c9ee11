// The shell: a line is a command of the kernel or a program of ring 3, with arguments; `&` at the end sends a program to the background.
#include "kernel.h"

static char *word_end(char *text) {
  while (*text && *text != ' ') text++;
  return text;
}

static char *skip_spaces(char *text) {
  while (*text == ' ') text++;
  return text;
}

void run_line(char *line) {
  char *name = skip_spaces(line);
  u64 length = strlen(name);
  while (length && name[length - 1] == ' ') name[--length] = 0;
  bool background = length && name[length - 1] == '&';
  if (background) name[--length] = 0;
  while (length && name[length - 1] == ' ') name[--length] = 0;
  if (!length) return;
  char *end = word_end(name), *arguments = skip_spaces(end);
  *end = 0;
  if (strcmp(name, "run") == 0 && *arguments) {
    name = arguments;
    end = word_end(name);
    arguments = skip_spaces(end);
    *end = 0;
  } else {
    for (u64 i = 0; i < command_count; i++) {
      if (strcmp(commands[i].name, name) != 0) continue;
      commands[i].run(arguments);
      return;
    }
  }
  const struct program *program = program_find(name);
  if (!program) {
    kprintf("Unknown command: %s. Type help for the commands.\n", name);
    return;
  }
  task_run(program, arguments, background);
}

// The kernel's command line may say exec=COMMAND;COMMAND... as its last part.
static void run_boot_commands(void) {
  const char *at = boot_command_line;
  while (*at && !starts_with(at, "exec=")) at++;
  if (!*at) return;
  at += 5;
  while (*at) {
    char line[LINE_MAX];
    u64 length = 0;
    while (*at && *at != ';') line[length++] = *at++;
    if (*at) at++;
    line[length] = 0;
    kprintf("\x1b[92mringfence> \x1b[0m%s\n", line);
    run_line(line);
  }
}

void shell(void) {
  run_boot_commands();
  for (;;) {
    char line[LINE_MAX];
    if (console_column() != 0) kprintf("\n");
    if (power_button) power_button_pressed();
    if (read_line("ringfence> ", line, true)) run_line(line);
  }
}
