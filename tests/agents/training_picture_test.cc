#include "agents/training_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace hotlap::agents {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TrainingPictureTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  // Of mean returns; a row for each.
  std::string Drawn(const std::vector<double>& returns) const {
    TrainingLog log(folder_ / "log.csv", -1);
    for (std::size_t i = 0; i < returns.size(); ++i) {
      log.Add({{"steps", static_cast<double>(i + 1) * 1e6}, {"mean_return", returns[i]}});
    }
    WriteTrainingPicture(folder_ / "curves.svg", log);
    std::ostringstream text;
    text << std::ifstream(folder_ / "curves.svg").rdbuf();
    return text.str();
  }
  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) /
                                        ("training_picture_test_" + std::to_string(getpid()));
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
};

TEST_F(TrainingPictureTest, IsWholeAndHasNoNumberThatIsNone) {
  for (const std::vector<double>& returns :
       {std::vector<double>{}, {kUnknown}, {3}, {3, 3}, {-1, kUnknown, 5, 7, kUnknown}}) {
    EXPECT_THAT(Drawn(returns), AllOf(StartsWith("<svg"), EndsWith("</svg>\n"),
                                      Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
  }
}

TEST_F(TrainingPictureTest, NamesItsPanelsAndItsAxis) {
  EXPECT_THAT(Drawn({-1.5, 2, 19.25}),
              AllOf(HasSubstr("Return of an episode"), HasSubstr("Share of episodes that finish"),
                    HasSubstr("Finish time, s"), HasSubstr(">10<"), HasSubstr(">3.0<"),
                    HasSubstr(">million steps<")));
}

}  // namespace
}  // namespace hotlap::agents
