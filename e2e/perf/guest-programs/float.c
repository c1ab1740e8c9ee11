// Floating point, compiled twice: with UNIT 387 for the x87 and with UNIT sse for SSE2 scalars. The five outer bodies of the solar
// system under gravity, and the Mandelbrot set. The checksums are of the exact bits.
#include "program.h"
#include <math.h>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

enum { BODIES = 5 };
struct body {
  double at[3], speed[3], mass;
};
static const double SOLAR_MASS = 39.478417604357434, YEAR = 365.24;
/** Sun, Jupiter, Saturn, Uranus, Neptune: astronomical units, units a day, solar masses. */
static const struct body SYSTEM[BODIES] = {
  { { 0, 0, 0 }, { 0, 0, 0 }, 1 },
  { { 4.8414314424647209, -1.1603200440274284, -0.10362204447112311 }, { 0.001660076642744037, 0.0076990111841974043, -0.00006904600169720630 }, 0.00095479193842432661 },
  { { 8.3433667182445799, 4.1247985641243048, -0.40352341711432138 }, { -0.0027674251072686241, 0.0049985280123491724, 0.000023041729757376393 }, 0.00028588598066613081 },
  { { 12.894369562139131, -15.111151401698631, -0.22330757889265573 }, { 0.0029646013756476162, 0.0023784717395948095, -0.000029658956854023756 }, 0.000043662440433515630 },
  { { 15.379697114850917, -25.919314609987964, 0.17925877295037118 }, { 0.0026806777249038932, 0.0016282417003824224, -0.000095159225451971587 }, 0.000051513890204661145 },
};

static void attract(struct body *a, struct body *b, double days) {
  double apart[3], squared = 0;
  for (int axis = 0; axis < 3; axis++) {
    apart[axis] = a->at[axis] - b->at[axis];
    squared += apart[axis] * apart[axis];
  }
  double pull = days / (squared * sqrt(squared));
  for (int axis = 0; axis < 3; axis++) {
    a->speed[axis] -= apart[axis] * b->mass * pull;
    b->speed[axis] += apart[axis] * a->mass * pull;
  }
}
void JOIN(nbody, UNIT)(long steps) {
  struct body bodies[BODIES];
  memcpy(bodies, SYSTEM, sizeof bodies);
  for (int n = 0; n < BODIES; n++) {
    bodies[n].mass *= SOLAR_MASS;
    for (int axis = 0; axis < 3; axis++) bodies[n].speed[axis] *= YEAR;
  }
  start_measuring("nbody_" TEXT(UNIT));
  for (long step = 0; step < steps; step++) {
    for (int n = 0; n < BODIES; n++)
      for (int other = n + 1; other < BODIES; other++) attract(&bodies[n], &bodies[other], 0.01);
    for (int n = 0; n < BODIES; n++)
      for (int axis = 0; axis < 3; axis++) bodies[n].at[axis] += 0.01 * bodies[n].speed[axis];
  }
  uint64_t checksum = 0;
  for (int n = 0; n < BODIES; n++)
    for (int axis = 0; axis < 3; axis++) {
      uint64_t bits;
      memcpy(&bits, &bodies[n].at[axis], 8);
      checksum = fold(checksum, bits);
    }
  stop_measuring("nbody_" TEXT(UNIT), checksum);
}

void JOIN(mandel, UNIT)(long side) {
  uint64_t checksum = 0;
  start_measuring("mandel_" TEXT(UNIT));
  for (long row = 0; row < side; row++)
    for (long column = 0; column < side; column++) {
      double real = 2.6 * (double)column / (double)side - 2.0, imaginary = 2.4 * (double)row / (double)side - 1.2, x = 0, y = 0;
      int turns = 0;
      while (turns < 200) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4) break;
        y = 2 * x * y + imaginary;
        x = xx - yy + real;
        turns++;
      }
      checksum += (uint64_t)(turns + 1) * (uint64_t)(row + 1);
    }
  stop_measuring("mandel_" TEXT(UNIT), checksum);
}
