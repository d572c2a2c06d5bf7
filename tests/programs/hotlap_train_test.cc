// hotlap-train as a user calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/process.h"

namespace hotlap {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HotlapTrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    WriteConfig("quick.yaml", 4096);
    WriteConfig("long.yaml", 2'000'000'000);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void WriteConfig(const std::string& name, int steps) const {
    std::ofstream(Place(name)) << "tracks: [short_sprint, hairpins]\nrows: 8\nsteps: " << steps
                               << "\nnetwork: {hidden: [16]}\nppo: {minibatch: 64, epochs: 2}\n"
                                  "trial_steps: 1024\n";
  }
  // Errors go where its output goes.
  Process Start(std::vector<std::string> flags) const {
    std::vector<std::string> arguments = {"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1",
                                          HOTLAP_PROGRAM_DIR "/hotlap-train"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return Process(arguments);
  }
  // The exit code; what it said is in output_.
  int End(Process& program) {
    output_.clear();
    while (const auto line = program.ReadLine()) output_ += *line + '\n';
    const auto status = program.Wait();
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }
  int Train(const std::vector<std::string>& flags) {
    Process program = Start(flags);
    return End(program);
  }
  Process Serve() const {
    const std::string serve = HOTLAP_PROGRAM_DIR "/hotlap-serve";
    return Process({serve, "--endpoint", Endpoint(), "--log-level", "off"});
  }
  std::string Endpoint() const { return "ipc://" + Place("socket"); }
  // Whether the file comes to be while the program runs.
  bool Comes(const std::string& name, Process& program) const {
    while (!fs::exists(Place(name))) {
      if (program.Wait(2ms)) return fs::exists(Place(name));
    }
    return true;
  }

  std::string Place(const std::string& name) const { return folder_ / name; }
  std::string Text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Place(name), std::ios::binary).rdbuf();
    return text.str();
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / ("hotlap_train_test_" + std::to_string(getpid()));
  std::string output_;
};

TEST_F(HotlapTrainTest, LearnsAndLeavesPolicyCurvesAndACheckpoint) {
  ASSERT_EQ(Train({Place("quick.yaml"), "--out", Place("run")}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("steps: 4096\n"));
  EXPECT_THAT(output_, HasSubstr("policy: " + Place("run/best.weights") + "\n"));
  EXPECT_THAT(output_, HasSubstr("curves: " + Place("run/curves.svg") + "\n"));
  for (const char* name : {"best.weights", "latest.weights", "checkpoint", "config.yaml",
                           "progress.csv", "curves.svg"}) {
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  }
  EXPECT_THAT(Text("run/progress.csv"), StartsWith("steps,wall_s,"));
}

TEST_F(HotlapTrainTest, ItsPolicyIsJudgedWithoutAWarningAlsoWhereTheEvaluationChangesTheStart) {
  ASSERT_EQ(Train({Place("quick.yaml"), "--out", Place("run")}), 0) << output_;
  Process eval({"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", HOTLAP_PROGRAM_DIR "/hotlap-eval",
                "--policy", Place("run/latest.weights"), "--track", "short_sprint", "--episodes",
                "2", "--perturbation", "start_offset", "--max-ticks", "100"});
  EXPECT_EQ(End(eval), 0);
  EXPECT_THAT(output_, HasSubstr("start_offset"));
  EXPECT_THAT(output_, Not(HasSubstr("was trained for other")));
}

TEST_F(HotlapTrainTest, OneThatIsInterruptedSavesAndGoesOnToTheSameBits) {
  WriteConfig("middle.yaml", 100'000);
  ASSERT_EQ(Train({Place("middle.yaml"), "--out", Place("unbroken"), "--workers", "2"}), 0);
  Process program = Start({Place("middle.yaml"), "--out", Place("broken"), "--workers", "1"});
  ASSERT_TRUE(Comes("broken/best.weights", program));
  program.Signal(SIGINT);
  EXPECT_EQ(End(program), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("go on: hotlap-train --resume --out " + Place("broken")));
  EXPECT_TRUE(fs::exists(Place("broken/checkpoint")));
  ASSERT_EQ(Train({"--resume", "--out", Place("broken"), "--workers", "2"}), 0) << output_;
  EXPECT_EQ(Text("broken/latest.weights"), Text("unbroken/latest.weights"));
  EXPECT_EQ(Text("broken/best.weights"), Text("unbroken/best.weights"));
}

TEST_F(HotlapTrainTest, LearnsTheSameBitsFromAServerAsInProcess) {
  Process server = Serve();
  ASSERT_EQ(server.ReadLine(), "ready " + Endpoint());
  ASSERT_EQ(Train({Place("quick.yaml"), "--out", Place("local"), "--seed", "9"}), 0);
  ASSERT_EQ(Train({Place("quick.yaml"), "--out", Place("remote"), "--seed", "9", "--server",
                   Endpoint(), "--workers", "2"}),
            0)
      << output_;
  EXPECT_EQ(Text("remote/latest.weights"), Text("local/latest.weights"));
  EXPECT_EQ(Text("remote/best.weights"), Text("local/best.weights"));
  // The seed of the flag was the one.
  ASSERT_EQ(Train({Place("quick.yaml"), "--out", Place("other")}), 0);
  EXPECT_NE(Text("other/latest.weights"), Text("local/latest.weights"));
}

TEST_F(HotlapTrainTest, WhenTheServerDiesItExitsWithOneAndTheCheckpointIsThere) {
  Process server = Serve();
  ASSERT_EQ(server.ReadLine(), "ready " + Endpoint());
  {
    Process program = Start({Place("long.yaml"), "--out", Place("run"), "--server", Endpoint()});
    ASSERT_TRUE(Comes("run/best.weights", program));
    program.Signal(SIGTERM);
    ASSERT_EQ(End(program), 0) << output_;
  }
  const std::string checkpoint = Text("run/checkpoint");
  fs::remove(Place("run/progress.csv"));  // it writes another when it goes on
  Process program =
      Start({"--resume", "--out", Place("run"), "--server", Endpoint(), "--deadline", "3"});
  ASSERT_TRUE(Comes("run/progress.csv", program));
  server.Signal(SIGKILL);
  EXPECT_EQ(End(program), 1) << output_;
  EXPECT_THAT(output_, AnyOf(HasSubstr("server_lost"), HasSubstr("timed_out")));
  EXPECT_EQ(Text("run/checkpoint"), checkpoint);
  EXPECT_EQ(Train({"--resume", "--out", Place("run"), "--minutes", "0.01"}), 0) << output_;
}

TEST_F(HotlapTrainTest, AServerThatDiesAtOnceLeavesACheckpointToo) {
  Process server = Serve();
  ASSERT_EQ(server.ReadLine(), "ready " + Endpoint());
  Process program =
      Start({Place("long.yaml"), "--out", Place("run"), "--server", Endpoint(), "--deadline", "3"});
  ASSERT_TRUE(Comes("run/checkpoint", program));
  server.Signal(SIGKILL);
  EXPECT_EQ(End(program), 1) << output_;
  EXPECT_EQ(Train({"--resume", "--out", Place("run"), "--minutes", "0.01"}), 0) << output_;
}

TEST_F(HotlapTrainTest, WrongFlagsAndFilesExitWithTwoAndAreNamed) {
  const auto expect = [&](const std::vector<std::string>& flags, const std::string& text) {
    EXPECT_EQ(Train(flags), 2) << output_;
    EXPECT_THAT(output_, HasSubstr(text));
  };
  const std::string config = Place("quick.yaml"), out = Place("out");
  const auto written = [&](const std::string& text) {
    std::ofstream(Place("bad.yaml")) << text;
    return Place("bad.yaml");
  };
  expect({config}, "--out");
  expect({"--out", out}, "config");
  expect({config, "--out", out, "--fast"}, "--fast");
  expect({config, "--out", out, "--workers", "0"}, "--workers");
  expect({config, "--out", out, "--resume"}, "--resume");
  expect({config, "--out", out, "--server", "nonsense"}, "--server: 'nonsense' is no endpoint");
  expect({config, "--out", out, "--kind", "tminterface"}, "--kind: tminterface needs --server");
  expect({config, "--out", out, "--configs", Place("nothing")}, Place("nothing"));
  expect({Place("nothing.yaml"), "--out", out}, Place("nothing.yaml"));
  expect({folder_, "--out", out}, folder_);
  expect({written("tracks: [short_sprint]\nstep: 3"), "--out", out}, "bad.yaml:2: step");
  expect({written("tracks: [nowhere]"), "--out", out}, "'nowhere'");
  expect({written("{tracks: [short_sprint], environment: nothing}"), "--out", out}, "'nothing'");
  expect({config, "--out", config}, "quick.yaml");
  std::vector<std::string> nine_tracks = {config, "--out", out};
  for (const char* track : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) {
    nine_tracks.insert(nine_tracks.end(), {"--track", track});
  }
  expect(nine_tracks, "a row for each track, 9 at least, not 8");
  expect({"--resume", "--out", out}, "config.yaml");
  ASSERT_EQ(Train({config, "--out", Place("run"), "--minutes", "0"}), 0);
  expect({config, "--out", Place("run")}, "--resume goes on with it");
  std::ofstream(Place("run/checkpoint")) << "nonsense";
  expect({"--resume", "--out", Place("run")}, Place("run/checkpoint"));
}

TEST_F(HotlapTrainTest, ExitsWithOneWhenNoServerAnswers) {
  EXPECT_EQ(Train({Place("quick.yaml"), "--out", Place("out"), "--server",
                   "ipc://" + Place("nobody"), "--deadline", "0.2"}),
            1);
}

TEST_F(HotlapTrainTest, HelpTellsTheExitStatus) {
  EXPECT_EQ(Train({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("Exit status: 0 "));
}

}  // namespace
}  // namespace hotlap
