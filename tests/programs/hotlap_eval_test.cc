// hotlap-eval as a user calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/process.h"
#include "tests/programs/program_folder.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HotlapEvalTest : public ProgramFolderTest {};

TEST_F(HotlapEvalTest, PrintsATableAndWritesReportAndPicture) {
  ASSERT_EQ(Evaluate({"--track", "short_sprint", "--track", "hairpins", "--out",
                      Place("new/folder"), "--svg", Place("e.svg")}),
            0);
  EXPECT_THAT(output_, HasSubstr("pursuit in full_view, simulated games, idle_start, seed 1"));
  EXPECT_THAT(output_, HasSubstr("hairpins             5         5       0  1.00"));
  EXPECT_THAT(output_, HasSubstr("report: " + Place("new/folder")));
  EXPECT_THAT(output_, HasSubstr("picture: " + Place("e.svg")));
  EXPECT_THAT(output_, HasSubstr(Text("new/folder/table.txt")));
  const std::string csv = Text("new/folder/episodes.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 5);
  EXPECT_THAT(Text("new/folder/report.json"), StartsWith("{\n \"version\": 2,"));
  EXPECT_THAT(Text("e.svg"), StartsWith("<?xml"));
  EXPECT_THAT(Text("e.svg"), HasSubstr("5 of 5 finished"));
}

TEST_F(HotlapEvalTest, FindsTheSameBehindAServerAsInProcess) {
  const std::string endpoint = "ipc://" + Place("socket");
  const std::string serve = HOTLAP_PROGRAM_DIR "/hotlap-serve";
  Process server({serve, "--endpoint", endpoint, "--log-level", "off"});
  ASSERT_EQ(server.ReadLine(), "ready " + endpoint);
  const std::vector<std::string> flags = {
      "--policy",          "random",      "--track", "hairpins", "--track",
      "generated:2:0.5",   "--seed",      "77",      "--rows",   "4",
      "--episodes",        "10",          "--out",   "",         "--perturbation",
      "observation_noise", "--max-ticks", "2000"};
  const auto out = std::ranges::find(flags, "--out") - flags.begin() + 1;
  std::vector<std::string> local = flags, remote = flags;
  local[static_cast<std::size_t>(out)] = Place("local");
  remote[static_cast<std::size_t>(out)] = Place("remote");
  remote.insert(remote.end(), {"--server", endpoint, "--configs", Place("nowhere")});
  ASSERT_EQ(Evaluate(local), 0);
  ASSERT_EQ(Evaluate(remote), 0);
  for (const char* file : {"/report.json", "/episodes.csv", "/table.txt", "/report.html"}) {
    EXPECT_EQ(Text(std::string("local") + file), Text(std::string("remote") + file)) << file;
  }
}

TEST_F(HotlapEvalTest, ExitsWithTwoOnWrongFlags) {
  EXPECT_EQ(Evaluate({"--policy", "persuit"}), 2);
  EXPECT_EQ(Evaluate({"--episodes", "0"}), 2);
  EXPECT_EQ(Evaluate({"--seed", "-1"}), 2);
  EXPECT_EQ(Evaluate({"--track", "nowhere"}), 2);
  EXPECT_EQ(Evaluate({"--track", "oval", "--track", "oval"}), 2);
  EXPECT_EQ(Evaluate({"--environment", "nothing"}), 2);
  EXPECT_EQ(Evaluate({"--perturbation", "rain"}), 2);
  EXPECT_EQ(Evaluate({"--deviation", "0.1"}), 2);
  EXPECT_EQ(Evaluate({"--perturbation", "observation_noise", "--deviation", "0"}), 2);
  EXPECT_EQ(Evaluate({"--offset", "1"}), 2);
  EXPECT_EQ(Evaluate({"--perturbation", "start_offset", "--offset", "0"}), 2);
  EXPECT_EQ(Evaluate({"--perturbation", "start_offset", "--offset", "5"}), 2);
  EXPECT_EQ(Evaluate({"--max-ticks", "0"}), 2);
  EXPECT_EQ(Evaluate({"--kind", "tminterface"}), 2);
  EXPECT_EQ(Evaluate({"--kind", "simulated", "--kind", "any"}), 2);
  EXPECT_EQ(Evaluate({"--server", "nonsense"}), 2);
  EXPECT_EQ(Evaluate({"--configs", Place("nothing")}), 2);
  std::ofstream(Place("file")) << "no folder";
  EXPECT_EQ(Evaluate({"--out", Place("file/folder")}), 2);
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
  const std::vector<std::string> flags = {"--track", "short_sprint", "--perturbation",
                                          "none",    "--server",     endpoint};
  std::vector<std::string> any = flags, both = flags;
  any.insert(any.end(), {"--rows", "2", "--policy", "random"});
  both.insert(both.end(), {"--kind", "simulated", "--kind", "tminterface", "--rows", "1", "--out",
                           Place("both")});
  EXPECT_EQ(Evaluate(both), 1);
  EXPECT_THAT(output_, HasSubstr("full_view, simulated games"));
  EXPECT_THAT(output_, HasSubstr("short_sprint         1         1       0  1.00"));
  EXPECT_THAT(output_, HasSubstr("full_view, tminterface games"));
  EXPECT_THAT(output_, HasSubstr("short_sprint         1         0       1     -"));
  EXPECT_THAT(Text("both/simulated/episodes.csv"), HasSubstr(",finish,,"));
  EXPECT_THAT(Text("both/tminterface/episodes.csv"), HasSubstr(",,game_lost,"));
  EXPECT_EQ(Evaluate(any), 2) << "rows are of two kinds of games: it must be said which";
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
