// The loops of networks, against Eigen and the C library in double precision, on every instruction
// set of this machine.
#include "agents/matrix_kernels.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "env/sim/scalar_math.h"
#include "tests/agents/drawn.h"
#include "tests/targets.h"

namespace hotlap::agents {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr float kUntouched = 7;

// Arrays of a product, and room for its result with more columns than it has.
struct Operands {
  Operands(int rows_, int columns_, int depth_)
      : rows(rows_),
        columns(columns_),
        depth(depth_),
        a(Drawn(Size(rows, depth), 1)),
        b(Drawn(Size(depth, columns), 2)),
        initial(Drawn(Size(1, columns), 3)),
        before(Size(rows, stride()), kUntouched) {
    for (int i = 0; i < rows; ++i) {
      const std::vector<float> row = Drawn(Size(1, columns), 4 + static_cast<std::uint64_t>(i));
      std::ranges::copy(row, before.begin() + i * stride());
    }
  }
  static std::size_t Size(int n, int m) { return static_cast<std::size_t>(n * m); }
  int stride() const { return columns + kWidthUnit; }

  // Of a as [rows, depth], or as the transpose of [depth, rows].
  MatrixProduct Product(bool is_transposed, bool is_added, std::vector<float>& c) const {
    return {.rows = rows,
            .columns = columns,
            .depth = depth,
            .a = a.data(),
            .a_row_stride = is_transposed ? 1 : depth,
            .a_depth_stride = is_transposed ? rows : 1,
            .b = b.data(),
            .b_stride = columns,
            .c = c.data(),
            .c_stride = stride(),
            .initial = is_added ? nullptr : initial.data(),
            .is_added = is_added};
  }
  Eigen::MatrixXd A(bool is_transposed) const {
    if (!is_transposed) return Eigen::Map<const RowMajor>(a.data(), rows, depth).cast<double>();
    return Eigen::Map<const RowMajor>(a.data(), depth, rows).transpose().cast<double>();
  }
  Eigen::MatrixXd B() const {
    return Eigen::Map<const RowMajor>(b.data(), depth, columns).cast<double>();
  }

  int rows, columns, depth;
  std::vector<float> a, b, initial, before;
};

template <class Check>
void OnEveryTarget(const Check& check) {
  const Targets targets;
  for (const std::int64_t target : Targets::All()) {
    SCOPED_TRACE(hwy::TargetName(target));
    Targets::Only(target);
    check();
  }
}

// What `compute` gives, after a check that it is the same bits on every target.
template <class Compute>
std::vector<float> OfEveryTarget(const Compute& compute) {
  std::vector<float> first;
  OnEveryTarget([&] {
    const std::vector<float> result = compute();
    if (first.empty()) first = result;
    EXPECT_EQ(result, first);
  });
  return first;
}

TEST(MatrixKernelsTest, ProductsAreThoseOfDoublePrecisionToRoundingAndTheSameBitsOnEveryTarget) {
  for (const int rows : {1, 2, 3, 5, 6, 7, 12, 13, 25}) {
    for (const int columns : {16, 32, 48}) {
      for (const int depth : {1, 3, 17, 64}) {
        for (const int way : {0, 1, 2, 3}) {
          const bool is_transposed = way % 2 == 1, is_added = way >= 2;
          const Operands x(rows, columns, depth);
          const std::vector<float> c = OfEveryTarget([&] {
            std::vector<float> result = x.before;
            Multiply(x.Product(is_transposed, is_added, result));
            return result;
          });
          const Eigen::MatrixXd product = x.A(is_transposed) * x.B();
          const Eigen::MatrixXd size = x.A(is_transposed).cwiseAbs() * x.B().cwiseAbs();
          for (int i = 0; i < rows; ++i) {
            for (int j = 0; j < x.stride(); ++j) {
              const auto at = static_cast<std::size_t>(i * x.stride() + j);
              if (j >= columns) {
                ASSERT_EQ(c[at], kUntouched);
                continue;
              }
              const float begin = is_added ? x.before[at] : x.initial[static_cast<std::size_t>(j)];
              const double bound = (depth + 1) * 1.2e-7 * (size(i, j) + 1);
              ASSERT_NEAR(c[at], static_cast<double>(begin) + product(i, j), bound)
                  << rows << 'x' << columns << 'x' << depth << " way " << way;
            }
          }
        }
      }
    }
  }
}

TEST(MatrixKernelsTest, WithoutInitialValuesASumBeginsAtZero) {
  const Operands x(3, 16, 5);
  std::vector<float> c = x.before, expected = x.before;
  MatrixProduct product = x.Product(false, false, c);
  product.initial = nullptr;
  Multiply(product);
  const std::vector<float> zeros(16, 0);
  product = x.Product(false, false, expected);
  product.initial = zeros.data();
  Multiply(product);
  EXPECT_EQ(c, expected);
}

TEST(MatrixKernelsTest, BitsOfARowDoNotDependOnTheNumberOfRows) {
  const Operands x(25, 32, 40);
  OnEveryTarget([&] {
    std::vector<float> all = x.before;
    Multiply(x.Product(false, false, all));
    for (int row = 0; row < x.rows; ++row) {
      for (int rows = 1; row + rows <= x.rows; rows += 7) {
        std::vector<float> some = x.before;
        MatrixProduct product = x.Product(false, false, some);
        product.rows = rows;
        product.a += row * x.depth;
        Multiply(product);
        for (int j = 0; j < x.columns; ++j) {
          ASSERT_EQ(some[static_cast<std::size_t>(j)],
                    all[static_cast<std::size_t>(row * x.stride() + j)]);
        }
      }
    }
  });
}

// Evenly over [low, high], padded.
std::vector<float> Evenly(double low, double high, int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(low + (high - low) * i / (count - 1)));
  }
  values.resize(static_cast<std::size_t>(PaddedWidth(count)), static_cast<float>(high));
  return values;
}

TEST(MatrixKernelsTest, TanhIsAsCloseAsItSaysAndTheSameBitsOnEveryTarget) {
  for (const auto& values : {Evenly(-12, 12, 200'000), Evenly(-0.01, 0.01, 20'000),
                             Evenly(-1e30, 1e30, 1000), Evenly(-200, 200, 10'000)}) {
    const std::vector<float> results = OfEveryTarget([&] {
      std::vector<float> applied = values;
      ApplyTanh(applied);
      return applied;
    });
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_NEAR(results[i], std::tanh(static_cast<double>(values[i])), 3e-7) << values[i];
    }
  }
}

TEST(MatrixKernelsTest, TanhOfZeroIsZeroSoThatPaddingStaysSo) {
  OnEveryTarget([] {
    std::vector<float> zeros(16, 0);
    ApplyTanh(zeros);
    EXPECT_EQ(zeros, std::vector<float>(16, 0));
  });
}

TEST(MatrixKernelsTest, ExpIsAsCloseAsItSaysAndThatOfASingleNumber) {
  const std::vector<float> values = Evenly(-87, 88.7, 400'000);
  const std::vector<float> results = OfEveryTarget([&] {
    std::vector<float> applied = values;
    ApplyExp(applied);
    return applied;
  });
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_NEAR(results[i] / std::exp(static_cast<double>(values[i])), 1, 3e-7) << values[i];
    ASSERT_EQ(results[i], sim::Exp(values[i])) << values[i];
  }
}

TEST(MatrixKernelsTest, ExpIsZeroFarBelowAndStaysFiniteFarAbove) {
  OnEveryTarget([] {
    std::vector<float> values(16, -87.001f);
    values[1] = -1e30f;
    values[2] = 88.71f;
    values[3] = 1e30f;
    ApplyExp(values);
    EXPECT_EQ(values[0], 0);
    EXPECT_EQ(values[1], 0);
    EXPECT_EQ(values[2], sim::Exp(88.7f));
    EXPECT_EQ(values[3], sim::Exp(88.7f));
  });
}

TEST(MatrixKernelsTest, ReluKeepsWhatIsAboveZero) {
  const std::vector<float> values = Drawn(48, 5);
  OnEveryTarget([&] {
    std::vector<float> applied = values;
    ApplyRelu(applied);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(applied[i], values[i] > 0 ? values[i] : 0.0f);
    }
  });
}

TEST(MatrixKernelsTest, GradientsAreMultipliedByTheSlopeWhereTheResultWas) {
  const std::vector<float> results = Drawn(48, 6), before = Drawn(48, 7);
  OnEveryTarget([&] {
    std::vector<float> tanh = before, relu = before;
    ApplyTanhGradient(results, tanh);
    ApplyReluGradient(results, relu);
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(tanh[i], before[i] * (1 - results[i] * results[i]));
      EXPECT_EQ(relu[i], results[i] > 0 ? before[i] : 0.0f);
    }
  });
}

TEST(MatrixKernelsTest, RowsAreAddedInTheirOrder) {
  constexpr std::size_t kColumns = 32;
  const std::vector<float> rows = Drawn(kColumns * 11, 8), before = Drawn(kColumns, 9);
  std::vector<float> expected = before;
  for (std::size_t i = 0; i < rows.size(); ++i) expected[i % kColumns] += rows[i];
  OnEveryTarget([&] {
    std::vector<float> sums = before;
    AddRows(rows, kColumns, sums);
    EXPECT_EQ(sums, expected);
  });
}

}  // namespace
}  // namespace hotlap::agents
