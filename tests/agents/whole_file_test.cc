#include "agents/whole_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace hotlap::agents {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class WholeFileTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Read(std::size_t max_bytes) const {
    return ReadWholeFile(folder_ / "file", max_bytes);
  }
  const fs::path folder_ =
      fs::path(::testing::TempDir()) / ("whole_file_test_" + std::to_string(getpid()));
};

TEST_F(WholeFileTest, TakesThePlaceOfTheOldOneAndLeavesNothingBeside) {
  WriteWholeFile(folder_ / "file", std::string(100'000, 'a'));
  EXPECT_EQ(Read(100'000), std::string(100'000, 'a'));
  WriteWholeFile(folder_ / "file", "short");
  EXPECT_EQ(Read(100), "short");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(WholeFileTest, OneThatIsTooLongOrNotThereIsNamed) {
  WriteWholeFile(folder_ / "file", "12345");
  EXPECT_EQ(Read(5), "12345");
  const std::string name = (folder_ / "file").string();
  EXPECT_THAT([&] { Read(4); }, ThrowsMessage<std::runtime_error>(HasSubstr(name)));
  fs::remove(folder_ / "file");
  EXPECT_THAT([&] { Read(5); }, ThrowsMessage<std::runtime_error>(HasSubstr(name)));
  fs::create_directory(folder_ / "file");
  EXPECT_THAT([&] { Read(5); }, ThrowsMessage<std::runtime_error>(HasSubstr(name)));
  EXPECT_THAT([&] { WriteWholeFile(folder_ / "file", "12"); },
              ThrowsMessage<std::runtime_error>(HasSubstr(name)));
  EXPECT_THAT([&] { WriteWholeFile(folder_ / "nowhere" / "file", "12"); },
              ThrowsMessage<std::runtime_error>(HasSubstr((folder_ / "nowhere").string())));
}

}  // namespace
}  // namespace hotlap::agents
