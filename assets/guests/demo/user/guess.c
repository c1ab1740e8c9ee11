// Guess the number.
#include "user.h"

int start(const char *arguments) {
  (void)arguments;
  u64 secret = random_number() % 100 + 1;
  print("I think of a number from 1 to 100. (quit gives up)\n");
  char line[LINE];
  for (u64 tries = 1; read_line("Your guess: ", line);) {
    u64 guess;
    if (strcmp(line, "quit") == 0 || strcmp(line, "q") == 0) {
      print("It was %lu.\n", secret);
      return 0;
    }
    if (!parse_u64(line, &guess) || guess < 1 || guess > 100) {
      print("A number from 1 to 100, please.\n");
      continue;
    }
    if (guess == secret) {
      print("\x1b[92mRight!\x1b[0m %lu %s.\n", tries, tries == 1 ? "try" : "tries");
      return 0;
    }
    print("%s.\n", guess < secret ? "More" : "Less");
    tries++;
  }
  return 1;
}
