#include "agents/mlp.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <numeric>
#include <vector>

#include "agents/adam.h"
#include "tests/agents/drawn.h"
#include "tests/allocation_count.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::agents {
namespace {

constexpr int kInputs = 5, kOutputs = 3, kRows = 9;
constexpr std::size_t kStride = 6;  // of inputs: one float more than there are

// Sizes that need padding, one of them in two units.
MlpSettings OddSettings(Activation activation) {
  return {.hidden = {7, 18}, .activation = activation};
}

// The numbers of parameters that are no padding.
std::vector<std::size_t> Places(const Mlp& network) {
  std::vector<std::size_t> places;
  for (const Mlp::Layer& layer : network.layers()) {
    for (int i = 0; i <= layer.inputs; ++i) {  // the last row is the biases
      for (int j = 0; j < layer.outputs; ++j) {
        places.push_back(layer.weights + static_cast<std::size_t>(i) * layer.width() +
                         static_cast<std::size_t>(j));
      }
    }
  }
  return places;
}

std::vector<float> DrawnParameters(const Mlp& network) {
  std::vector<float> parameters(network.num_parameters(), 0);
  const std::vector<std::size_t> places = Places(network);
  const std::vector<float> drawn = Drawn(places.size(), 1, -0.7f, 0.7f);
  for (std::size_t i = 0; i < places.size(); ++i) parameters[places[i]] = drawn[i];
  return parameters;
}

// The formula of a perceptron, in double precision: [rows, outputs].
Eigen::MatrixXd OutputsByFormula(const Mlp& network, const std::vector<double>& parameters,
                                 const std::vector<float>& inputs, Activation activation) {
  const int rows = static_cast<int>(inputs.size() / kStride);
  Eigen::MatrixXd x(rows, network.num_inputs());
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < network.num_inputs(); ++i) {
      const std::size_t at = static_cast<std::size_t>(row) * kStride + static_cast<std::size_t>(i);
      x(row, i) = static_cast<double>(inputs[at]);
    }
  }
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const Mlp::Layer& layer = network.layers()[l];
    Eigen::MatrixXd y(rows, layer.outputs);
    for (int row = 0; row < rows; ++row) {
      for (int j = 0; j < layer.outputs; ++j) {
        double sum = parameters[layer.biases + static_cast<std::size_t>(j)];
        for (int i = 0; i < layer.inputs; ++i) {
          sum +=
              x(row, i) * parameters[layer.weights + static_cast<std::size_t>(i) * layer.width() +
                                     static_cast<std::size_t>(j)];
        }
        const bool is_last = l + 1 == network.layers().size();
        y(row, j) = is_last                           ? sum
                    : activation == Activation::kTanh ? std::tanh(sum)
                                                      : std::max(sum, 0.0);
      }
    }
    x = y;
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
  const Eigen::MatrixXd expected = OutputsByFormula(
      network, std::vector<double>(parameters.begin(), parameters.end()), inputs, GetParam());
  for (int row = 0; row < kRows; ++row) {
    for (int j = 0; j < 16; ++j) {
      EXPECT_NEAR(outputs[static_cast<std::size_t>(row * 16 + j)],
                  j < kOutputs ? expected(row, j) : 0, j < kOutputs ? 5e-6 : 0);
    }
  }
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
  std::vector<double> at(parameters.begin(), parameters.end());
  std::vector<float> found(network.num_parameters(), 0);
  for (const std::size_t i : Places(network)) {
    const double middle = at[i];
    at[i] = middle + kStep;
    const double above = loss(at);
    at[i] = middle - kStep;
    const double below = loss(at);
    at[i] = middle;
    ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-5) << "parameter " << i;
    found[i] = gradient[i];
  }
  EXPECT_EQ(gradient, found) << "there is none in the padding";

  network.Backward(parameters, inputs.data(), kStride, kRows, by_outputs, memory, gradient);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    ASSERT_NEAR(gradient[i], 2 * found[i], 2e-5) << "it is added to what is there";
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
  std::vector<float> without(learnt.size(), 0);
  for (const std::size_t i : Places(network)) {
    without[i] = learnt[i];
  }
  EXPECT_EQ(learnt, without);
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
    for (const Mlp::Layer& layer : network.layers()) {
      Eigen::MatrixXd w(layer.inputs, layer.outputs);
      for (int i = 0; i < layer.inputs; ++i) {
        for (int j = 0; j < static_cast<int>(layer.width()); ++j) {
          const std::size_t at = layer.weights + static_cast<std::size_t>(i) * layer.width() +
                                 static_cast<std::size_t>(j);
          if (j < layer.outputs) {
            w(i, j) = static_cast<double>(parameters[at]);
          } else {
            EXPECT_EQ(parameters[at], 0);
          }
        }
      }
      const double square = &layer == &network.layers().back() ? 0.25 * 0.25 : 2;
      const Eigen::MatrixXd products =
          layer.outputs <= layer.inputs ? (w.transpose() * w).eval() : (w * w.transpose()).eval();
      const Eigen::MatrixXd expected =
          square * Eigen::MatrixXd::Identity(products.rows(), products.cols());
      EXPECT_LT((products - expected).cwiseAbs().maxCoeff(), 1e-6);
      for (std::size_t j = 0; j < layer.width(); ++j) EXPECT_EQ(parameters[layer.biases + j], 0);
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
}  // namespace hotlap::agents
