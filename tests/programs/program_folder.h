// A program of ours as a user runs it, and a folder of the test's own for what it writes.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/process.h"

namespace hotlap {

class ProgramFolderTest : public ::testing::Test {
 public:
  ProgramFolderTest() { std::filesystem::create_directories(folder_); }
  ~ProgramFolderTest() override { std::filesystem::remove_all(folder_); }

 protected:
  // The exit code, -1 for another end; standard output is in output_. arguments[0]: the path.
  int RunToTheEnd(std::vector<std::string> arguments) {
    Process program(std::move(arguments));
    output_.clear();
    while (const auto line = program.ReadLine()) output_ += *line + '\n';
    const auto status = program.Wait();
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }
  int Evaluate(std::vector<std::string> flags) {
    flags.insert(flags.begin(), HOTLAP_PROGRAM_DIR "/hotlap-eval");
    return RunToTheEnd(std::move(flags));
  }
  std::string Place(const std::string& name) const { return folder_ / name; }
  std::string Text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Place(name)).rdbuf();
    return text.str();
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("program_" + std::to_string(getpid()));
  std::string output_;
};

}  // namespace hotlap
