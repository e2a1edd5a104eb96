/* $about

   A spectral model in C99; it needs only <math.h>. Rows hold the cells of the columns in this order:

$columns
   A missing cell is NAN. A category is its code, which ${name}_code gives; -1 is a level never seen.

     cc -O2 -c $name.c                             a part of a program, with these functions:
     cc -O2 -D${NAME}_MAIN $name.c -o $name -lm    a program: rows of numbers in, predictions out

   The decision is offset + scale * sum of weight * phi(eigenvalues of A_0 + sum of term_i * A_i), the
   prediction is its inverse link. docs/model-file.md of eigcore says what terms are. */

#include <math.h>
#include <string.h>

enum { COLUMNS = $columns_count, PARTS = $parts, TERMS = $terms, OUTPUTS = $outputs, MEMBERS = $members, ORDER = $order };

/* The number of cells of a row, and of predictions. */
const int ${name}_columns = COLUMNS, ${name}_outputs = OUTPUTS;

/* A term of a column t: clip((t - origin) / width, low, high); or whether t is origin; or a hat on a circle. */
enum form { RAMP, LEVEL, HAT };
struct term {
  enum form form;
  double origin, width, low, high, left, period, missing;
};
static const struct term terms[TERMS + 1] = {
$term_rows};

/* The terms of each part: of each column, then of each weighted sum of columns. Cells outside its range are refused. */
struct part {
  int first, end, refuses_levels;
  double least, most;
};
static const struct part parts[PARTS + 1] = {
$part_rows};

/* The weighted sums: sum of weight * (column - center) over its entries. */
struct entry {
  int part, column;
  double weight, center;
};
static const struct entry entries[] = {
$entry_rows};

/* The levels of category columns; the code of a level counts from zero in its column. */
struct level {
  int column;
  const char *text;
};
static const struct level levels[] = {
$level_rows};

/* A member: matrices by rows of their lower triangle inside a band, entries off the diagonal times the root of 2. */
enum functional { WEIGHTED, SOFTMAX, SMOOTH };
struct member {
  int order, band, size, k;
  enum functional functional;
  double weight, parameter;     /* of the member; temperature or smoothing */
  const double *eigen_weights;  /* WEIGHTED */
  const double *matrices;       /* (OUTPUTS, TERMS + 1, size) */
};
$arrays
static const struct member members[MEMBERS] = {
$member_rows};

static double clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static double value_of(const struct term *t, double x) {
  if (isnan(x)) return t->missing;
  if (t->form == LEVEL) return x == t->origin;
  if (t->form == RAMP) return clip((x - t->origin) / t->width, t->low, t->high);
  const double turn = fmod(x - t->origin, t->period), s = turn < 0 ? turn + t->period : turn;
  const double rising = 1 - (t->period - s) / t->left;
  return s < t->width ? 1 - s / t->width : rising < 0 ? 0 : rising;
}

/* Zero, or 1 + the part whose cell the model refuses. */
static int encode(const double *row, double *values) {
  double cells[PARTS + 1] = {0};
  for (int j = 0; j < COLUMNS; ++j) cells[j] = row[j];
  for (const struct entry *e = entries; e->part >= 0; ++e) cells[e->part] += (row[e->column] - e->center) * e->weight;
  for (int p = 0; p < PARTS; ++p) {
    const struct part *part = &parts[p];
    int known = isnan(cells[p]);
    if (isinf(cells[p]) || cells[p] < part->least || cells[p] > part->most) return 1 + p;
    for (int i = part->first; i < part->end; ++i) {
      values[i] = value_of(&terms[i], cells[p]);
      if (isnan(values[i])) return 1 + p;
      known = known || values[i] != 0;
    }
    if (part->refuses_levels && !known) return 1 + p;
  }
  return 0;
}

/* The eigenvalues of a symmetric matrix in ascending order, by cyclic Jacobi rotations (Golub & Van Loan, section 8.5). */
static void eigenvalues(double a[ORDER][ORDER], int d, double *found) {
  for (int sweep = 0; sweep < 60; ++sweep) {
    int turned = 0;
    for (int p = 0; p < d; ++p)
      for (int q = p + 1; q < d; ++q) {
        const double b = a[p][q];
        if (fabs(b) <= 1e-17 * (fabs(a[p][p]) + fabs(a[q][q])) || fabs(b) < 1e-300) continue;
        turned = 1;
        const double theta = (a[q][q] - a[p][p]) / (2 * b);
        const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));
        const double c = 1 / hypot(t, 1), s = t * c;
        a[p][p] -= t * b, a[q][q] += t * b, a[p][q] = a[q][p] = 0;
        for (int i = 0; i < d; ++i) {
          if (i == p || i == q) continue;
          const double x = a[i][p], y = a[i][q];
          a[i][p] = a[p][i] = c * x - s * y;
          a[i][q] = a[q][i] = s * x + c * y;
        }
      }
    if (!turned) break;
  }
  for (int i = 0; i < d; ++i) {
    int at = i;
    for (; at > 0 && found[at - 1] > a[i][i]; --at) found[at] = found[at - 1];
    found[at] = a[i][i];
  }
}

static double taken(const double *u, int d, double shift) {
  double sum = 0;
  for (int i = 0; i < d; ++i) sum += clip(u[i] + shift, 0, 1);
  return sum;
}

/* The largest sum of q * lambda - alpha / 2 * q^2 with 0 <= q <= 1 and sum q = r; u = (lambda - lambda_k) / alpha. */
static double envelope(const double *lambda, const double *u, int d, double alpha, int r) {
  double low = -2, high = 2;
  for (int i = 0; i < 2 * d; ++i) {
    const double nu = i < d ? -u[i] : 1 - u[i - d], sum = taken(u, d, nu);
    if (sum <= r && nu > low) low = nu;
    if (sum >= r && nu < high) high = nu;
  }
  const double at = taken(u, d, low), rise = taken(u, d, high) - at;
  const double shift = rise > 0 ? low + (high - low) * clip((r - at) / rise, 0, 1) : low;
  double sum = 0;
  for (int i = 0; i < d; ++i) {
    const double q = clip(u[i] + shift, 0, 1);
    sum += q * (lambda[i] - alpha / 2 * q);
  }
  return sum;
}

static double phi(const struct member *m, const double *lambda) {
  const int d = m->order;
  double sum = 0;
  if (m->functional == WEIGHTED) {
    for (int i = 0; i < d; ++i) sum += m->eigen_weights[i] * lambda[i];
    return sum;
  }
  if (m->functional == SOFTMAX) {
    for (int i = 0; i < d; ++i) sum += exp((lambda[i] - lambda[d - 1]) / m->parameter);
    return m->parameter * log(sum) + lambda[d - 1];
  }
  double u[ORDER], from[ORDER];
  for (int i = 0; i < d; ++i) {
    from[i] = lambda[i] - lambda[m->k];
    u[i] = clip(from[i], -m->parameter, m->parameter) / m->parameter;
  }
  return envelope(from, u, d, m->parameter, d - m->k) - envelope(from, u, d, m->parameter, d - m->k - 1) +
         m->parameter / 2 + lambda[m->k];
}

static double evaluate(const struct member *m, const double *values, int output) {
  double a[ORDER][ORDER] = {{0}}, lambda[ORDER];
  const double *matrix = m->matrices + (size_t)output * (TERMS + 1) * m->size;
  for (int i = -1; i < TERMS; ++i, matrix += m->size) {
    const double value = i < 0 ? 1 : values[i];
    const double *entry = matrix;
    if (value == 0) continue;
    for (int row = 0; row < m->order; ++row)
      for (int column = row > m->band ? row - m->band : 0; column <= row; ++column) a[row][column] += value * *entry++;
  }
  for (int row = 0; row < m->order; ++row)
    for (int column = 0; column < row; ++column) a[column][row] = a[row][column] *= 0.70710678118654752440;
  eigenvalues(a, m->order, lambda);
  return phi(m, lambda);
}

/* The decisions (OUTPUTS), before the link. Returns 0, or 1 + the place of the column whose cell is refused. */
int ${name}_decision(const double *row, double *out) {
  double values[TERMS + 1];
  const int refused = encode(row, values);
  for (int output = 0; output < OUTPUTS; ++output) {
    double sum = 0;
    for (int i = 0; i < MEMBERS && !refused; ++i) sum += members[i].weight * evaluate(&members[i], values, output);
    out[output] = refused ? NAN : $offset + $scale * sum;
  }
  return refused;
}

/* The predictions (OUTPUTS). Returns 0, or 1 + the place of the column whose cell is refused; then they are NAN. */
int ${name}_predict(const double *row, double *out) {
  const int refused = ${name}_decision(row, out);
  if (refused) return refused;
$link
  return 0;
}

/* The code of a level of a category column, numbers and booleans as in JSON; -1 if it was never seen. */
double ${name}_code(int column, const char *text) {
  int code = 0;
  for (const struct level *l = levels; l->text; ++l) {
    if (l->column != column) continue;
    if (!strcmp(l->text, text)) return code;
    ++code;
  }
  return -1;
}

#ifdef ${NAME}_MAIN
#include <stdio.h>

int main(void) {
  double row[COLUMNS + 1], out[OUTPUTS];
  for (;;) {
    for (int j = 0; j < COLUMNS; ++j)
      if (scanf("%lf%*[ ,;]", &row[j]) != 1) return j ? 1 : 0;
    ${name}_predict(row, out);
    for (int i = 0; i < OUTPUTS; ++i) printf("%.17g%c", out[i], i + 1 < OUTPUTS ? ' ' : '\n');
  }
}
#endif
