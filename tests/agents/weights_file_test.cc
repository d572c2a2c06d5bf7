// Weights as files: what was written comes back, and whatever else a file holds is an error that
// names it.
#include "agents/weights_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>

#include "agents/record.h"
#include "agents/whole_file.h"
#include "tests/agents/drawn.h"
#include "tests/agents/driving_spec.h"
#include "tests/test_size.h"

namespace hotlap::agents {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class WeightsFileTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  static EnvironmentSpec Spec(const ActionSpec& action) {
    EnvironmentSpec spec = DrivingSpec(action, 1);
    spec.policy_hash = 0x0123456789ABCDEFu;
    spec.task_hash = 0xFEDCBA9876543210u;
    return spec;
  }
  static WeightsFile Learnt(const ActorCritic& network, const MlpSettings& settings,
                            const EnvironmentSpec& spec) {
    WeightsFile file{"coarse",  spec.policy_hash, spec.task_hash,
                     1'234'567, settings,         network.Initial(3, -0.5f)};
    file.weights.scale.mean = Drawn(spec.observation.size(), 1);
    file.weights.scale.factor = Drawn(spec.observation.size(), 2, 0.5f, 20);
    return file;
  }
  // A good file for `spec`.
  void Write(const EnvironmentSpec& spec) {
    const MlpSettings settings{.hidden = {5}};
    const ActorCritic network(spec, settings);
    WriteWeights(path_, Learnt(network, settings, spec), network);
  }
  // What reading says, after `change` of a good file; it must begin with the file's name.
  std::string ErrorAfter(const std::function<void(json&)>& change) {
    Write(spec_);
    json object = ReadRecord(path_, "weights", kWeightsVersion);
    change(object);
    WriteRecord(path_, "weights", kWeightsVersion, object);
    return Error();
  }
  std::string Error() {
    try {
      ReadWeights(path_, spec_);
      return "no error";
    } catch (const std::runtime_error& error) {
      const std::string text = error.what();
      EXPECT_THAT(text, StartsWith(path_.string()));
      return text.substr(std::min(text.size(), path_.string().size()));
    }
  }
  // Reads what may be anything; only an error that names the file may come of it.
  void ReadAnything(std::string_view bytes) {
    WriteWholeFile(path_, bytes);
    try {
      const WeightsFile file = ReadWeights(path_, spec_);
      for (const float value : file.weights.parameters) EXPECT_TRUE(std::isfinite(value));
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), StartsWith(path_.string()));
    }
    try {
      ReadWeightsRecord(path_);
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), StartsWith(path_.string()));
    }
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / ("weights_file_test_" + std::to_string(getpid()));
  const fs::path path_ = folder_ / "some.weights";
  const EnvironmentSpec spec_ = Spec(ContinuousActions());
};

TEST_F(WeightsFileTest, WhatWasWrittenComesBack) {
  for (const ActionSpec& action : {KeyActions(), ContinuousActions()}) {
    for (const MlpSettings& settings :
         {MlpSettings{.hidden = {}},
          MlpSettings{.hidden = {17, 3}, .activation = Activation::kRelu}}) {
      const EnvironmentSpec spec = Spec(action);
      const ActorCritic network(spec, settings);
      const WeightsFile written = Learnt(network, settings, spec);
      WriteWeights(path_, written, network);
      const WeightsFile read = ReadWeights(path_, spec);
      EXPECT_EQ(read.environment, "coarse");
      EXPECT_EQ(read.policy_hash, spec.policy_hash);
      EXPECT_EQ(read.task_hash, spec.task_hash);
      EXPECT_EQ(read.steps, 1'234'567);
      EXPECT_EQ(read.network, settings);
      EXPECT_EQ(read.weights, written.weights);
      EXPECT_EQ(ReadWeightsRecord(path_)["environment"], "coarse");
    }
  }
}

TEST_F(WeightsFileTest, EqualWeightsAreEqualBytes) {
  Write(spec_);
  const auto bytes = ReadWholeFile(path_, 1 << 20);
  Write(spec_);
  EXPECT_EQ(ReadWholeFile(path_, 1 << 20), bytes);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "nothing is left beside it";
}

TEST_F(WeightsFileTest, APolicyRefusesToDriveOnAnotherEnvironment) {
  Write(spec_);
  EnvironmentSpec other = spec_;
  other.policy_hash = 1;
  try {
    ReadWeights(path_, other);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(StartsWith(path_.string()), HasSubstr("coarse"),
                                    HasSubstr("0123456789abcdef"), HasSubstr("0000000000000001")));
  }
  other = spec_;
  other.task_hash = 1;  // paid for something else: it still fits
  EXPECT_NO_THROW(ReadWeights(path_, other));
}

TEST_F(WeightsFileTest, AnErrorNamesTheFieldThatIsWrong) {
  for (const char* field :
       {"environment", "policy_hash", "task_hash", "steps", "inputs", "outputs", "activation",
        "hidden", "scale_mean", "scale_factor", "actor", "critic", "log_deviations"}) {
    const std::string quoted = "'" + std::string(field) + "'";
    EXPECT_THAT(ErrorAfter([&](json& object) { object.erase(field); }),
                HasSubstr(quoted + " is missing"));
    EXPECT_THAT(ErrorAfter([&](json& object) { object[field] = true; }), HasSubstr(quoted));
  }
  EXPECT_THAT(ErrorAfter([](json& object) { object["policy_hash"] = "0123"; }),
              HasSubstr("'policy_hash' is no 16 hexadecimal digits"));
  EXPECT_THAT(ErrorAfter([](json& object) { object["steps"] = -1; }), HasSubstr("'steps'"));
  EXPECT_THAT(ErrorAfter([](json& object) { object["inputs"] = 8; }), HasSubstr("'inputs'"));
  EXPECT_THAT(ErrorAfter([](json& object) { object["hidden"] = {0}; }), HasSubstr("'hidden'"));
  EXPECT_THAT(ErrorAfter([](json& object) {
                object["hidden"] = {5, 5};
              }),
              HasSubstr("'actor' has not 3 layers"));
  EXPECT_THAT(ErrorAfter([](json& object) { object["hidden"] = std::vector<int>(17, 1); }),
              HasSubstr("'hidden' is no list of at most 16 sizes"));
  EXPECT_THAT(ErrorAfter([](json& object) { object["hidden"] = {6}; }),
              HasSubstr("'weights' has 140 bytes instead of 168"));
  EXPECT_THAT(ErrorAfter([](json& object) {
                object["critic"][1]["biases"] =
                    PackArray(std::vector{std::numeric_limits<float>::quiet_NaN()});
              }),
              HasSubstr("'biases' has values that are not finite"));
  EXPECT_THAT(ErrorAfter([](json& object) {
                object["log_deviations"] =
                    PackArray(std::vector{0.0f, std::numeric_limits<float>::infinity()});
              }),
              HasSubstr("'log_deviations' has values that are not finite"));
}

TEST_F(WeightsFileTest, AnErrorShowsNoForeignBytes) {
  EXPECT_THAT(
      ErrorAfter([](json& object) { object["activation"] = "\x1b[2J" + std::string(9999, 'x'); }),
      AllOf(HasSubstr("'activation'"), Not(HasSubstr("\x1b"))));
  const std::string error = ErrorAfter([](json& object) {
    object["environment"] = "\x1b[2J" + std::string(9999, 'x');
    object["policy_hash"] = "0000000000000000";
  });
  EXPECT_THAT(error, Not(HasSubstr("\x1b")));
  EXPECT_LT(error.size(), 400u);
}

// Its layers would take 32 GiB.
TEST_F(WeightsFileTest, AFewBytesThatTellOfAHugeNetworkTakeNoMemory) {
  EXPECT_THAT(ErrorAfter([](json& object) {
                object["hidden"] = {65536, 65536};
                for (const char* network : {"actor", "critic"}) {
                  object[network].push_back(object[network][0]);
                }
              }),
              HasSubstr("'weights' has 140 bytes instead of"));
}

TEST_F(WeightsFileTest, AnotherKindOrVersionIsRefused) {
  WriteRecord(path_, "checkpoint", 1, json::object());
  EXPECT_THAT(Error(), HasSubstr("'hotlap' is not weights"));
  WriteRecord(path_, "weights", kWeightsVersion + 1, json::object());
  EXPECT_THAT(Error(), HasSubstr("'version'"));
}

TEST_F(WeightsFileTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(
      [&] { ReadWeights(folder_ / "nothing", spec_); },
      ::testing::ThrowsMessage<std::runtime_error>(HasSubstr((folder_ / "nothing").string())));
  EXPECT_THAT([&] { ReadWeights(folder_, spec_); },
              ::testing::ThrowsMessage<std::runtime_error>(HasSubstr(folder_.string())));
}

TEST_F(WeightsFileTest, AFileThatIsCutAnywhereIsRefused) {
  Write(spec_);
  std::string bytes = ReadWholeFile(path_, 1 << 20);
  while (!bytes.empty()) {
    bytes.pop_back();
    ReadAnything(bytes);
    EXPECT_NE(Error(), "no error") << "of " << bytes.size() << " bytes";
  }
}

TEST_F(WeightsFileTest, ChangedBytesAreReadWithoutHarm) {
  Write(spec_);
  const std::string bytes = ReadWholeFile(path_, 1 << 20);
  std::mt19937 random(1);
  for (int i = TestCount(500, 3000, 100'000); i > 0; --i) {
    std::string changed = bytes;
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    ReadAnything(changed);
  }
}

TEST_F(WeightsFileTest, DeepNestingAndEndlessListsEndWithAnError) {
  for (const int first : {0x91, 0x81}) {  // arrays and maps of one
    std::string bytes;
    for (int i = 0; i < 1'000'000; ++i) {
      bytes += static_cast<char>(first);
      if (first == 0x81) bytes += "\xA1x";
    }
    ReadAnything(bytes);
    EXPECT_THAT(Error(), HasSubstr("nested too deep"));
  }
  std::string bytes = "\xDD\xFF\xFF\xFF\xFF";  // four thousand million
  ReadAnything(bytes);
  EXPECT_THAT(Error(), HasSubstr("no msgpack"));
  bytes.resize(3'000'000, 0);  // that are there
  ReadAnything(bytes);
  EXPECT_THAT(Error(), HasSubstr("too many values"));
}

}  // namespace
}  // namespace hotlap::agents
