// Conway's game of life on a torus, ten generations a second; `life N` stops after N generations.
#include "user.h"

enum { WIDTH = 78, HEIGHT = 22 };

static u8 cells[HEIGHT][WIDTH], next[HEIGHT][WIDTH];

static int neighbours(int y, int x) {
  int sum = -cells[y][x];
  for (int dy = HEIGHT - 1; dy <= HEIGHT + 1; dy++)
    for (int dx = WIDTH - 1; dx <= WIDTH + 1; dx++) sum += cells[(y + dy) % HEIGHT][(x + dx) % WIDTH];
  return sum;
}

int start(const char *arguments) {
  u64 generations = ~0UL;
  if (*arguments && !parse_u64(arguments, &generations)) {
    print("life N, with N generations, or life alone to go on until Ctrl-C\n");
    return 1;
  }
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) cells[y][x] = random_number() % 4 == 0;
  print("\x1b[2J\x1b[?25l");
  for (u64 generation = 1; generation <= generations; generation++) {
    char line[WIDTH + 1];
    u64 alive = 0;
    print("\x1b[H\x1b[92m");
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        line[x] = cells[y][x] ? 'o' : ' ';
        alive += cells[y][x];
        int count = neighbours(y, x);
        next[y][x] = count == 3 || (count == 2 && cells[y][x]);
      }
      line[WIDTH] = 0;
      print("%s\n", line);
    }
    print("\x1b[0mgeneration %lu, %lu alive; Ctrl-C ends it\x1b[K\n", generation, alive);
    memcpy(cells, next, sizeof cells);
    sleep_ms(100);
  }
  print("\x1b[?25h");
  return 0;
}
