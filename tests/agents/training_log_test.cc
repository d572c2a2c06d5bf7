#include "agents/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

namespace hotlap::agents {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class TrainingLogTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  static TrainingRow Row(double steps, double value) {
    return {{"steps", steps}, {"value", value}};
  }
  // Three rows of 10, 20 and 30 steps.
  void WriteThree() const {
    TrainingLog log(path_, -1);
    for (const double steps : {10.0, 20.0, 30.0}) log.Add(Row(steps, steps / 3));
  }

  const std::filesystem::path path_ = std::filesystem::path(::testing::TempDir()) /
                                      ("training_log_test_" + std::to_string(getpid()) + ".csv");
};

TEST_F(TrainingLogTest, EachRowIsInTheFileAtOnce) {
  TrainingLog log(path_, -1);
  log.Add(Row(10, 0.5));
  EXPECT_EQ(Text(), "steps,value\n10,0.5\n");
  log.Add(Row(20, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(Text(), "steps,value\n10,0.5\n20,\n");
  EXPECT_THAT(log.Column("steps"), ElementsAre(10, 20));
  EXPECT_TRUE(std::isnan(log.Column("value")[1]));
  EXPECT_THAT(log.Column("nothing"), IsEmpty());
}

TEST_F(TrainingLogTest, GoesOnWithoutTheRowsAfterTheCheckpoint) {
  WriteThree();
  const std::string whole = Text();
  {
    TrainingLog log(path_, 20);
    EXPECT_THAT(log.Column("steps"), ElementsAre(10, 20));
    log.Add(Row(30, 10));
    EXPECT_THAT(log.Column("value"), ElementsAre(10.0 / 3, 20.0 / 3, 10)) << "to the last bit";
  }
  EXPECT_EQ(Text(), whole);
  { const TrainingLog anew(path_, -1); }
  EXPECT_EQ(Text(), "") << "a new one begins anew";
}

TEST_F(TrainingLogTest, ALineThatWasBeingWrittenWhenTheMachineStoppedIsLeftOut) {
  WriteThree();
  for (const char* rest : {"4", "40,", "40,1.5,", "35,1", "4-", "-,+"}) {
    WriteThree();
    std::ofstream(path_, std::ios::app) << rest;
    EXPECT_THAT(TrainingLog(path_, 35).Column("steps"), ElementsAre(10, 20, 30)) << rest;
  }
  for (const char* names : {"", "ste", "steps,value"}) {
    Write(names);
    EXPECT_THAT(TrainingLog(path_, 35).Column("steps"), IsEmpty()) << names;
  }
  Write("steps,value\n");
  TrainingLog log(path_, 35);
  log.Add(Row(40, 1));
  EXPECT_THAT(log.Column("steps"), ElementsAre(40));
}

TEST_F(TrainingLogTest, WhatIsNoLogIsRefusedWithTheFileAndTheLine) {
  const auto error = [&](const std::string& text, const std::string& line) {
    Write(text);
    EXPECT_THAT([&] { TrainingLog(path_, 100); },
                ThrowsMessage<std::runtime_error>(HasSubstr(path_.string() + line)))
        << text;
  };
  error("\n\n\n", ":1: the first column must be steps");
  error("value,steps\n1,2\n", ":1: the first column must be steps");
  error("steps,value\n1,x\n2,3\n", ":2: 'x' is no number");
  error("steps,value\n1,2\n1\n2,3\n", ":3: 1 numbers instead of 2");
  error("steps,value\n\n2,3\n", ":2: 0 numbers");
}

TEST_F(TrainingLogTest, WhatARowLacksIsNotKnown) {
  TrainingLog log(path_, -1);
  log.Add(Row(10, 1));
  log.Add({{"steps", 20.0}});
  const std::vector<double> values = log.Column("value");
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0], 1);
  EXPECT_TRUE(std::isnan(values[1]));
}

TEST_F(TrainingLogTest, RowsOfOtherColumnsAreRefused) {
  Write("steps,other\n10,1\n");
  TrainingLog log(path_, 10);
  EXPECT_THAT([&] { log.Add(Row(20, 1)); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path_.string()), HasSubstr("of another training"))));
}

TEST_F(TrainingLogTest, AFileThatCannotBeWrittenIsNamed) {
  EXPECT_THAT([] { TrainingLog("/nowhere/progress.csv", -1); },
              ThrowsMessage<std::runtime_error>(HasSubstr("/nowhere/progress.csv")));
}

}  // namespace
}  // namespace hotlap::agents
