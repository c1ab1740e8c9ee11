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
      command_stop = false;
      command_runs = true;
      commands[i].run(arguments);
      command_runs = false;
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

// Commands with `;` between them. Ctrl-C in one ends all.
static void run_script(const char *at) {
  command_stop = false;
  while (*at && !command_stop) {
    if (power_button) power_button_pressed();
    char line[LINE_MAX];
    u64 length = 0;
    while (*at == ' ') at++;
    for (; *at && *at != ';'; at++)
      if (length + 1 < LINE_MAX) line[length++] = *at;
    if (*at) at++;
    line[length] = 0;
    kprintf("\x1b[92mringfence> \x1b[0m%s\n", line);
    run_line(line);
  }
}

// The kernel's command line may say exec=COMMAND;COMMAND... as its last part, and run="COMMAND;COMMAND", for which the network is waited.
static void run_boot_commands(void) {
  static char script[COMMAND_LINE_MAX];
  if (boot_option("exec", script, sizeof script)) run_script(script);
  command_runs = true; // Ctrl-C ends the wait
  if (boot_option("run", script, sizeof script)) {
    net_up(60000);
    command_runs = false;
    run_script(script);
  } else {
    net_up(1000);
    command_runs = false;
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
