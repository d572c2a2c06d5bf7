// hotlap-eval as a user calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/process.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HotlapEvalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("hotlap_eval_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The exit code; standard output is in output_.
  int Evaluate(std::vector<std::string> flags) {
    flags.insert(flags.begin(), HOTLAP_PROGRAM_DIR "/hotlap-eval");
    Process program(std::move(flags));
    output_.clear();
    while (const auto line = program.ReadLine()) output_ += *line + '\n';
    const auto status = program.Wait();
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }
  std::string Place(const std::string& name) const { return folder_ / name; }
  std::string Text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Place(name)).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  std::string output_;
};

TEST_F(HotlapEvalTest, PrintsATableAndWritesCsvAndPicture) {
  ASSERT_EQ(Evaluate({"--track", "short_sprint", "--track", "hairpins", "--episodes", "3", "--csv",
                      Place("e.csv"), "--svg", Place("e.svg")}),
            0);
  EXPECT_THAT(output_, HasSubstr("short_sprint  simulated         3         3     0"));
  EXPECT_THAT(output_, HasSubstr("hairpins      simulated         3         3     0"));
  EXPECT_THAT(output_, HasSubstr("picture: " + Place("e.svg")));
  const std::string csv = Text("e.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 3);
  EXPECT_THAT(Text("e.svg"), StartsWith("<?xml"));
  EXPECT_THAT(Text("e.svg"), HasSubstr("3 of 3 finished"));
}

TEST_F(HotlapEvalTest, FindsTheSameBehindAServerAsInProcess) {
  const std::string endpoint = "ipc://" + Place("socket");
  const std::string serve = HOTLAP_PROGRAM_DIR "/hotlap-serve";
  Process server({serve, "--endpoint", endpoint, "--log-level", "off"});
  ASSERT_EQ(server.ReadLine(), "ready " + endpoint);
  const std::vector<std::string> flags = {"--policy", "random", "--track",    "hairpins",
                                          "--rows",   "4",      "--episodes", "10",
                                          "--seed",   "77",     "--csv"};
  std::vector<std::string> local = flags, remote = flags;
  local.push_back(Place("local.csv"));
  remote.insert(remote.end(), {Place("remote.csv"), "--server", endpoint});
  ASSERT_EQ(Evaluate(local), 0);
  ASSERT_EQ(Evaluate(remote), 0);
  EXPECT_EQ(Text("local.csv"), Text("remote.csv"));
}

TEST_F(HotlapEvalTest, ExitsWithTwoOnWrongFlags) {
  EXPECT_EQ(Evaluate({"--policy", "persuit"}), 2);
  EXPECT_EQ(Evaluate({"--episodes", "0"}), 2);
  EXPECT_EQ(Evaluate({"--track", "nowhere"}), 2);
  EXPECT_EQ(Evaluate({"--environment", "nothing"}), 2);
  EXPECT_EQ(Evaluate({"--kind", "tminterface"}), 2);
  EXPECT_EQ(Evaluate({"--server", "nonsense"}), 2);
  EXPECT_EQ(Evaluate({"--configs", Place("nothing")}), 2);
  EXPECT_EQ(Evaluate({"--csv", Place("nothing/e.csv")}), 2);
}

TEST_F(HotlapEvalTest, ExitsWithOneWhenEpisodesLostTheirGame) {
  // A game that never opens its buffer.
  const std::string name = "hotlap-eval-test-" + std::to_string(getpid());
  const std::string endpoint = "ipc://" + Place("socket");
  const std::string configs = HOTLAP_SOURCE_DIR "/configs";
  std::ofstream(Place("game")) << "#!/bin/sh\nexec sleep 60\n";
  std::filesystem::permissions(Place("game"), std::filesystem::perms::owner_all);
  std::ofstream(Place("server.yaml"))
      << "endpoints: [\"" << endpoint << "\"]\nenvironments: " << configs
      << "/environments\ntracks: " << configs << "/tracks\nvehicle: " << configs
      << "/vehicles/stadium.yaml\nsimulated: 1\nlog_level: \"off\"\ngames: {count: 1, names: ["
      << name << "], program: " << Place("game") << ", start_timeout_s: 1}\n";
  Process server({HOTLAP_PROGRAM_DIR "/hotlap-serve", "--config", Place("server.yaml")});
  ASSERT_EQ(server.ReadLine(), "ready " + endpoint);
  EXPECT_EQ(Evaluate({"--track", "short_sprint", "--episodes", "2", "--server", endpoint, "--csv",
                      Place("e.csv")}),
            1);
  EXPECT_THAT(output_, HasSubstr("short_sprint  simulated           1         1     0"));
  EXPECT_THAT(output_, HasSubstr("short_sprint  tminterface         1         0     1"));
  EXPECT_THAT(Text("e.csv"), HasSubstr(",game_lost,"));
  server.Signal(SIGTERM);  // it ends the game
  EXPECT_TRUE(server.Wait());
}

TEST_F(HotlapEvalTest, HelpTellsTheExitStatus) {
  EXPECT_EQ(Evaluate({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("Exit status: 0 "));
}

TEST_F(HotlapEvalTest, ExitsWithOneWhenNoServerAnswers) {
  EXPECT_EQ(Evaluate({"--server", "ipc://" + Place("nobody"), "--deadline", "0.2"}), 1);
}

}  // namespace
}  // namespace hotlap
