// The Mandelbrot set in fixed point (28 fraction bits), one colour and character for each speed of escape.
#include "user.h"

enum { WIDTH = 78, HEIGHT = 22, FRACTION = 28, STEPS = 96 };

static int steps_at(i64 x0, i64 y0) {
  i64 x = 0, y = 0;
  for (int n = 0; n < STEPS; n++) {
    i64 xx = x * x >> FRACTION, yy = y * y >> FRACTION;
    if (xx + yy > 4L << FRACTION) return n;
    y = (x * y >> (FRACTION - 1)) + y0;
    x = xx - yy + x0;
  }
  return STEPS;
}

int start(const char *arguments) {
  (void)arguments;
  static const char shades[] = ".,:;-=+*ox%#";
  static const u8 colours[] = {34, 34, 94, 36, 96, 32, 92, 93, 33, 91, 31, 35};
  i64 left = -(9L << FRACTION) / 4, width = 3L << FRACTION, top = -(19L << FRACTION) / 16, height = (19L << FRACTION) / 8;
  for (int row = 0; row < HEIGHT; row++) {
    int last = -1;
    for (int column = 0; column < WIDTH; column++) {
      int n = steps_at(left + width * column / (WIDTH - 1), top + height * row / (HEIGHT - 1));
      int shade = n == STEPS ? -2 : n < 12 ? n : 11;
      if (shade != last && shade >= 0) print("\x1b[%um", colours[shade]);
      last = shade;
      print("%c", shade < 0 ? ' ' : shades[shade]);
    }
    print("\x1b[0m\n");
  }
  return 0;
}
