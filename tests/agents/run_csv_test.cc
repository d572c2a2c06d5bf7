#include "agents/run_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "agents/pursuit_policy.h"
#include "tests/agents/recorded_drive.h"

namespace hotlap::agents::run_csv_test {
namespace {

using ::testing::HasSubstr;

Run SomeRun() {
  agents::Run run;
  run.track = "generated:7:0.5";
  run.kind = "simulated";
  run.ticks_per_step = 5;
  run.randomised = {"mass", "grip"};
  run.points = {{0, 0, -0.25f, 0, 1}, {50, 0.1f, {}, 1.5f, {}}, {80, 12345.678f, 3, 1e-7f, 5}};
  run.inputs = {{.left = true, .accelerate = true}, {.steer = -65536, .gas = 12}};
  run.invalid_steps = 1;
  run.end_reason = EndReason::kFinish;
  run.finish_time_ms = 80;
  return run;
}

std::string TextOf(const Run& run) {
  std::ostringstream out;
  WriteRun(out, run);
  return out.str();
}

std::string ErrorOf(const std::string& text) {
  try {
    ParseRun(text, "some.csv");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

// With the first `what` replaced.
std::string ErrorWith(const std::string& what, const std::string& by) {
  std::string text = TextOf(SomeRun());
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return ErrorOf(text.replace(at, what.size(), by));
}

TEST(RunCsvTest, LooksLikeThis) {
  EXPECT_EQ(TextOf(SomeRun()),
            "# hotlap run 1\n# track: generated:7:0.5\n# kind: simulated\n# ticks_per_step: 5\n"
            "# randomised: mass grip\n# invalid_steps: 1\n# end_reason: finish\n"
            "# finish_time_ms: 80\n"
            "race_time_ms,steer,gas,left,right,accelerate,brake,progress_m,lateral_m,speed_mps,"
            "gear\n"
            "0,0,0,1,0,1,0,0,-0.25,0,1\n"
            "50,-65536,12,0,0,0,0,0.1,,1.5,\n"
            "80,,,,,,,12345.678,3,1e-07,5\n");
}

TEST(RunCsvTest, SaysThatNothingWasDrawn) {
  agents::Run run = SomeRun();
  run.randomised.clear();
  EXPECT_THAT(TextOf(run), HasSubstr("\n# randomised: none\n"));
  EXPECT_EQ(ParseRun(TextOf(run), "x"), run);
}

TEST(RunCsvTest, GivesBackWhatWasWritten) {
  EXPECT_EQ(ParseRun(TextOf(SomeRun()), "x"), SomeRun());
  agents::Run lost;
  lost.ticks_per_step = 1;
  lost.end_reason = EndReason::kGameLost;
  EXPECT_EQ(ParseRun(TextOf(lost), "x"), lost);
  const agents::Run driven = RecordedDrive(
      PracticeConfig("full_view"), "hairpins",
      [](const EnvironmentSpec& spec) { return std::make_unique<PursuitPolicy>(spec); });
  EXPECT_EQ(ParseRun(TextOf(driven), "x"), driven) << "every bit";
}

TEST(RunCsvTest, NamesTheLineAndTheColumnOfWhatIsWrong) {
  EXPECT_EQ(ErrorWith("12,0,0,0,0,0.1", "1e3,0,0,0,0,0.1"),
            "some.csv: line 11, gas: '1e3'; allowed are integers from -65536 to 65536");
  EXPECT_EQ(ErrorWith("-65536,12", "-65537,12"),
            "some.csv: line 11, steer: '-65537'; allowed are integers from -65536 to 65536");
  EXPECT_THAT(ErrorWith("0,0,0,1,0,1,0,0", "0,0,0,2,0,1,0,0"), HasSubstr("line 10, left: '2'"));
  EXPECT_THAT(ErrorWith("0,0,0,1,0,1,0,0", "0,0,0,1,1,1,0,0"), HasSubstr("left and right at once"));
  EXPECT_THAT(ErrorWith("12345.678", "nan"), HasSubstr("line 12, progress_m: 'nan'"));
  EXPECT_THAT(ErrorWith("12345.678", "1e30"), HasSubstr("line 12, progress_m: '1e30'"));
  EXPECT_THAT(ErrorWith("12345.678", "5e6"), HasSubstr("line 12, progress_m: '5e6'"))
      << "farther than a line may be asked for";
  EXPECT_THAT(ErrorWith("1.5,\n", "1.5,x\n"), HasSubstr("line 11, gear: 'x'"));
  EXPECT_THAT(ErrorWith("1.5,\n", "fast,\n"), HasSubstr("line 11, speed_mps: 'fast'"));
  EXPECT_THAT(ErrorWith("1.5,\n", "1.5,\r\n"), HasSubstr("line 11, gear: '?'"));
  EXPECT_THAT(ErrorWith("1.5,\n", "1.5\n"), HasSubstr("line 11: 10 fields; allowed are 11"));
  EXPECT_THAT(ErrorWith("80,,,,,,,1", "80,0,,,,,,1"), HasSubstr("line 12, steer: inputs in"));
}

TEST(RunCsvTest, RefusesTimesThatAreNoSteps) {
  EXPECT_THAT(ErrorWith("\n50,", "\n40,"), HasSubstr("line 11, race_time_ms: 40 ms after"));
  EXPECT_THAT(ErrorWith("\n50,", "\n0,"), HasSubstr("line 11, race_time_ms: 0 ms after"));
  EXPECT_THAT(ErrorWith("\n80,", "\n85,"), HasSubstr("line 12, race_time_ms: 35 ms after"));
  EXPECT_THAT(ErrorWith("\n80,", "\n110,"), HasSubstr("line 12, race_time_ms: 60 ms after"));
  EXPECT_THAT(ErrorWith("\n0,", "\n-10,"), HasSubstr("line 10, race_time_ms: '-10'"));
  EXPECT_THAT(ErrorWith("time_ms: 80", "time_ms: 90"), HasSubstr("ends at its finish_time_ms"));
  EXPECT_THAT(ErrorWith("reason: finish", "reason: fall"), HasSubstr("line 12, race_time_ms: 30"));
}

TEST(RunCsvTest, RefusesAnotherHead) {
  EXPECT_THAT(ErrorWith("run 1", "run 2"), HasSubstr("line 1: '# hotlap run 2'; the first line"));
  EXPECT_THAT(ErrorWith("# kind", "# sort"), HasSubstr("line 3: '# sort: simulated'; wanted"));
  EXPECT_THAT(ErrorWith("step: 5", "step: 0"), HasSubstr("line 4, ticks_per_step: '0'"));
  EXPECT_THAT(ErrorWith("reason: finish", "reason: won"),
              HasSubstr("line 7, end_reason: 'won'; allowed are none, finish"));
  for (const std::string drawn : {"", " none", "mass  grip"}) {
    EXPECT_THAT(ErrorWith("mass grip", drawn), HasSubstr("line 5, randomised: '" + drawn + "'"));
  }
  EXPECT_THAT(ErrorWith("simulated", "a\x1b[31m"), HasSubstr("line 3, kind: 'a?[31m'"));
  EXPECT_THAT(ErrorWith("gear\n", "gears\n"), HasSubstr("line 9: 'race_time_ms"));
}

TEST(RunCsvTest, RefusesEveryFileThatIsCutShort) {
  const std::string text = TextOf(SomeRun());
  const std::size_t first_point = text.find("\n0,") + 1;
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (size == first_point) continue;  // a run without points, but that did not finish then
    EXPECT_NE(ErrorOf(text.substr(0, size)), "no error") << size;
  }
  EXPECT_THAT(ErrorOf(text.substr(0, first_point)), HasSubstr("ends at its finish_time_ms"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("line 1: the file ends here"));
}

TEST(RunCsvTest, SurvivesEveryByteThatMayStandInAFile) {
  const std::string text = TextOf(SomeRun());
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char c : {'\0', '\n', ',', '-', '9', '\x80', 'e'}) {
      std::string broken = text;
      broken[at] = c;
      ErrorOf(broken);  // an error or a run, never a crash
    }
  }
}

TEST(RunCsvTest, NamesTheFileThatCannotBeRead) {
  const std::filesystem::path path =
      testing::TempDir() + "hotlap-run-csv-" + std::to_string(getpid()) + ".csv";
  EXPECT_THAT([&] { ReadRun(path); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr(path.string())));
  std::ofstream(path) << TextOf(SomeRun());
  EXPECT_EQ(ReadRun(path), SomeRun());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hotlap::agents::run_csv_test
