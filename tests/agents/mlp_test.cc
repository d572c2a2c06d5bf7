#include "agents/mlp.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "agents/adam.h"
#include "tests/agents/drawn.h"
#include "tests/allocation_count.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::agents::mlp_test {
namespace {

constexpr int kInputs = 5, kOutputs = 3, kRows = 9;
constexpr std::size_t kStride = 6;  // of inputs: one float more than there are

// Sizes that need padding, one of them in two units.
MlpSettings OddSettings(Activation activation) {
  return {.hidden = {7, 18}, .activation = activation};
}

std::vector<float> DrawnParameters(const Mlp& network) {
  std::vector<float> parameters(network.num_parameters(), 0);
  network.Unpack(Drawn(network.num_packed(), 1, -0.7f, 0.7f), parameters);
  return parameters;
}

// Those without padding; what is there is lost.
std::vector<float> WithoutPadding(const Mlp& network, const std::vector<float>& parameters) {
  std::vector<float> without(parameters.size(), 0);
  network.Unpack(network.Pack(parameters), without);
  return without;
}

// The formula of a perceptron, in double precision: [rows, outputs].
Eigen::MatrixXd OutputsByFormula(const Mlp& network, const std::vector<double>& packed,
                                 const std::vector<float>& inputs, Activation activation) {
  const int rows = static_cast<int>(inputs.size() / kStride);
  Eigen::MatrixXd x(rows, network.num_inputs());
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < network.num_inputs(); ++i) {
      const std::size_t at = static_cast<std::size_t>(row) * kStride + static_cast<std::size_t>(i);
      x(row, i) = static_cast<double>(inputs[at]);
    }
  }
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const double* at = packed.data();
  for (std::size_t layer = 0; layer < network.num_layers(); ++layer) {
    const auto outputs = static_cast<Eigen::Index>(network.num_biases(layer));
    const Eigen::Map<const RowMajor> weights(at, x.cols(), outputs);
    at += network.num_weights(layer);
    const Eigen::Map<const Eigen::RowVectorXd> biases(at, outputs);
    at += network.num_biases(layer);
    x = ((x * weights).rowwise() + biases).eval();
    if (layer + 1 == network.num_layers()) break;
    x = x.unaryExpr([&](double sum) {
           return activation == Activation::kTanh ? std::tanh(sum) : std::max(sum, 0.0);
         }).eval();
  }
  return x;
}

class MlpTest : public ::testing::TestWithParam<Activation> {
 protected:
  const Mlp network{kInputs, kOutputs, OddSettings(GetParam())};
  const std::vector<float> parameters = DrawnParameters(network);
  const std::vector<float> inputs = Drawn(kRows * kStride, 2);
  Mlp::Memory memory = network.MakeMemory(kRows, true);
};

TEST_P(MlpTest, OutputsAreThoseOfTheFormulaAndZeroInThePadding) {
  const auto outputs = network.Forward(parameters, inputs.data(), kStride, kRows, memory);
  ASSERT_EQ(outputs.size(), kRows * 16u);
  const std::vector<float> packed = network.Pack(parameters);
  const Eigen::MatrixXd expected = OutputsByFormula(
      network, std::vector<double>(packed.begin(), packed.end()), inputs, GetParam());
  for (int row = 0; row < kRows; ++row) {
    for (int j = 0; j < 16; ++j) {
      EXPECT_NEAR(outputs[static_cast<std::size_t>(row * 16 + j)],
                  j < kOutputs ? expected(row, j) : 0, j < kOutputs ? 5e-6 : 0);
    }
  }
}

TEST_P(MlpTest, PackedParametersAreThoseWithoutPaddingLayerByLayer) {
  // Weights and biases of layers with 7, 18 and 3 outputs.
  EXPECT_EQ(network.num_packed(), 5u * 7 + 7 + 7 * 18 + 18 + 18 * 3 + 3);
  const std::vector<float> packed = Drawn(network.num_packed(), 4);
  std::vector<float> unpacked(network.num_parameters(), 9);
  network.Unpack(packed, unpacked);
  EXPECT_EQ(network.Pack(unpacked), packed);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(unpacked, 9.0f)),
            network.num_parameters() - network.num_packed())
      << "padding is left as it is";
  EXPECT_TRUE(std::ranges::equal(std::span(unpacked).first(7), std::span(packed).first(7)));
}

TEST_P(MlpTest, GradientsAreThoseOfFiniteDifferences) {
  network.Forward(parameters, inputs.data(), kStride, kRows, memory);
  // The loss is a weighted sum of the outputs.
  std::vector<float> by_outputs(kRows * 16, 0);
  const std::vector<float> weights = Drawn(kRows * kOutputs, 3);
  for (int row = 0; row < kRows; ++row) {
    for (int j = 0; j < kOutputs; ++j) {
      by_outputs[static_cast<std::size_t>(row * 16 + j)] =
          weights[static_cast<std::size_t>(row * kOutputs + j)];
    }
  }
  std::vector<float> gradient(network.num_parameters(), 0);
  network.Backward(parameters, inputs.data(), kStride, kRows, by_outputs, memory, gradient);

  const auto loss = [&](const std::vector<double>& at) {
    const Eigen::MatrixXd outputs = OutputsByFormula(network, at, inputs, GetParam());
    double sum = 0;
    for (int row = 0; row < kRows; ++row) {
      for (int j = 0; j < kOutputs; ++j) {
        sum += static_cast<double>(weights[static_cast<std::size_t>(row * kOutputs + j)]) *
               outputs(row, j);
      }
    }
    return sum;
  };
  constexpr double kStep = 1e-6;
  const std::vector<float> packed = network.Pack(parameters), found = network.Pack(gradient);
  std::vector<double> at(packed.begin(), packed.end());
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double middle = at[i];
    at[i] = middle + kStep;
    const double above = loss(at);
    at[i] = middle - kStep;
    const double below = loss(at);
    at[i] = middle;
    ASSERT_NEAR(found[i], (above - below) / (2 * kStep), 2e-5) << "parameter " << i;
  }
  EXPECT_EQ(gradient, WithoutPadding(network, gradient)) << "there is none in the padding";

  const std::vector<float> once = gradient;
  network.Backward(parameters, inputs.data(), kStride, kRows, by_outputs, memory, gradient);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    ASSERT_NEAR(gradient[i], 2 * once[i], 2e-5) << "it is added to what is there";
  }
}

TEST_P(MlpTest, PaddingOfParametersStaysZeroInTraining) {
  std::vector<float> learnt = parameters;
  AdamState adam(learnt.size());
  std::vector<float> by_outputs(kRows * 16, 0);
  for (std::size_t i = 0; i < by_outputs.size(); i += 16) by_outputs[i] = 1;
  for (int step = 0; step < 5; ++step) {
    std::vector<float> gradient(learnt.size(), 0);
    network.Forward(learnt, inputs.data(), kStride, kRows, memory);
    network.Backward(learnt, inputs.data(), kStride, kRows, by_outputs, memory, gradient);
    TakeAdamStep({}, 0.1f, gradient, adam, learnt);
  }
  EXPECT_EQ(learnt, WithoutPadding(network, learnt));
  EXPECT_NE(learnt, parameters);
}

TEST_P(MlpTest, BitsOfARowDoNotDependOnTheNumberOfRows) {
  const auto all = network.Forward(parameters, inputs.data(), kStride, kRows, memory);
  const std::vector<float> expected(all.begin(), all.end());
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto one = network.Forward(parameters, &inputs[row * kStride], kStride, 1, memory);
    EXPECT_TRUE(std::ranges::equal(one, std::span(expected).subspan(row * 16, 16))) << row;
  }
}

TEST_P(MlpTest, ForwardAllocatesNothing) {
  const long before = NumAllocationsOfThread();
  network.Forward(parameters, inputs.data(), kStride, kRows, memory);
  EXPECT_EQ(NumAllocationsOfThread(), before);
}

INSTANTIATE_TEST_SUITE_P(EveryActivation, MlpTest,
                         ::testing::Values(Activation::kTanh, Activation::kRelu),
                         [](const auto& activation) {
                           return activation.param == Activation::kTanh ? "Tanh" : "Relu";
                         });

TEST(MlpInitialiseTest, ColumnsOrRowsOfALayerAreAtRightAnglesAndAsLongAsItsGain) {
  for (const std::vector<int>& hidden : {std::vector<int>{40, 12}, {12, 40}, {24, 24}, {1}, {}}) {
    const Mlp network(24, 6, {.hidden = hidden});
    std::vector<float> parameters(network.num_parameters(), 9);
    network.Initialise(5, 0.25f, parameters);
    EXPECT_EQ(parameters, WithoutPadding(network, parameters));
    const std::vector<float> packed = network.Pack(parameters);
    const float* at = packed.data();
    for (std::size_t layer = 0; layer < network.num_layers(); ++layer) {
      const std::size_t outputs = network.num_biases(layer);
      const auto inputs = static_cast<Eigen::Index>(network.num_weights(layer) / outputs);
      using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
      const Eigen::MatrixXd w =
          Eigen::Map<const RowMajor>(at, inputs, static_cast<Eigen::Index>(outputs)).cast<double>();
      const double square = layer + 1 == network.num_layers() ? 0.25 * 0.25 : 2;
      const Eigen::MatrixXd products =
          w.cols() <= w.rows() ? (w.transpose() * w).eval() : (w * w.transpose()).eval();
      const Eigen::MatrixXd expected =
          square * Eigen::MatrixXd::Identity(products.rows(), products.cols());
      EXPECT_LT((products - expected).cwiseAbs().maxCoeff(), 1e-6);
      at += network.num_weights(layer);
      for (std::size_t j = 0; j < outputs; ++j) EXPECT_EQ(*at++, 0);
    }
  }
}

// The average of a weight over many draws, and its variance 1 / inputs: what makes them even.
TEST(MlpInitialiseTest, DrawsAreEvenOverAllDirections) {
  const Mlp network(3, 3, {.hidden = {}});
  constexpr int kDraws = 4000;
  double sum = 0, square = 0;
  for (int seed = 0; seed < kDraws; ++seed) {
    std::vector<float> parameters(network.num_parameters());
    network.Initialise(static_cast<std::uint64_t>(seed), 1, parameters);
    sum += static_cast<double>(parameters[0]);
    square += static_cast<double>(parameters[0]) * static_cast<double>(parameters[0]);
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.03);
  EXPECT_NEAR(square / kDraws, 1.0 / 3, 0.02);
}

// The same on every machine, build and compiler.
TEST(MlpInitialiseTest, BitsAreTheKnownOnes) {
  const Mlp network(45, 9, {.hidden = {64, 64}});
  std::vector<float> parameters(network.num_parameters());
  network.Initialise(1, 0.01f, parameters);
  EXPECT_EQ(sim::HashBytes(std::as_bytes(std::span(parameters)), 0xCBF29CE484222325u),
            4936026324087490421u)
      << "changed on purpose? every training changes with it";
}

}  // namespace
}  // namespace hotlap::agents::mlp_test
