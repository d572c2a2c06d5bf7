#include "agents/run_csv.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

constexpr std::string_view kFirstLine = "# hotlap run 1";
constexpr const char* kNothing = "none";                    // is randomised
constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;  // a day in steps of one tick
constexpr std::int32_t kMaxRaceTimeMs = 86'400'000;
constexpr int kMaxTicksPerStep = 1000, kTickMs = 10;
// Of metres and metres per second. A Centreline is asked for what lies within 1e6 m of its
// beginning.
constexpr float kMaxNumber = 5e5f;
constexpr int kMaxGear = 100;

constexpr std::array<std::string_view, 11> kColumns = {
    "race_time_ms", "steer",      "gas",       "left",      "right", "accelerate",
    "brake",        "progress_m", "lateral_m", "speed_mps", "gear"};
constexpr std::size_t kFirstInput = 1, kNumInputs = 6;

// Empty where there is nothing.
template <class T>
std::string Shown(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

std::string Quoted(std::string_view text) {
  std::string shown(text.substr(0, 40));
  std::ranges::replace_if(
      shown, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return "'" + shown + "'";
}

// Reads one line after another of what may be anything.
class Reader {
 public:
  Reader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  [[noreturn]] void Fail(std::string_view where, std::string_view what) const {
    throw std::invalid_argument(fmt::format("{}: line {}{}{}: {}", name_, line_number_,
                                            where.empty() ? "" : ", ", where, what));
  }

  bool HasLine() const { return !rest_.empty(); }
  std::string_view Line(std::string_view wanted) {
    ++line_number_;
    if (rest_.empty()) Fail("", fmt::format("the file ends here; wanted is {}", wanted));
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) Fail("", "it does not end with a line feed");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  // The value of the next line "# name: value".
  std::string_view Head(std::string_view field) {
    const std::string start = fmt::format("# {}: ", field);
    const std::string_view line = Line(start);
    if (!line.starts_with(start)) Fail("", fmt::format("{}; wanted is {}", Quoted(line), start));
    return line.substr(start.size());
  }

  std::int32_t Integer(std::string_view field, std::string_view text, std::int32_t low,
                       std::int32_t high) const {
    std::int32_t value = 0;
    if (!Whole(text, value) || value < low || value > high) {
      Fail(field, fmt::format("{}; allowed are integers from {} to {}", Quoted(text), low, high));
    }
    return value;
  }
  float Number(std::string_view field, std::string_view text) const {
    float value = 0;
    if (!Whole(text, value) || !(std::fabs(value) <= kMaxNumber)) {
      Fail(field, fmt::format("{}; allowed are numbers from {:g} to {:g}", Quoted(text),
                              -kMaxNumber, kMaxNumber));
    }
    return value;
  }

 private:
  template <class T>
  static bool Whole(std::string_view text, T& value) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end;
  }

  std::string_view rest_, name_;
  int line_number_ = 0;
};

std::vector<std::string> ReadWords(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

EndReason ReadEndReason(const Reader& reader, std::string_view text) {
  std::string allowed;
  for (int i = 0; i <= static_cast<int>(EndReason::kGameLost); ++i) {
    const auto reason = static_cast<EndReason>(i);
    if (text == EndReasonName(reason)) return reason;
    allowed += (i == 0 ? "" : ", ") + std::string(EndReasonName(reason));
  }
  reader.Fail("end_reason", fmt::format("{}; allowed are {}", Quoted(text), allowed));
}

std::array<std::string_view, kColumns.size()> Fields(const Reader& reader, std::string_view line) {
  std::array<std::string_view, kColumns.size()> fields;
  const auto count = static_cast<std::size_t>(std::ranges::count(line, ',')) + 1;
  if (count != fields.size()) {
    reader.Fail("", fmt::format("{} fields; allowed are {}", count, fields.size()));
  }
  for (std::string_view& field : fields) {
    const std::size_t end = std::min(line.find(','), line.size());
    field = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

Inputs ReadInputs(const Reader& reader, std::span<const std::string_view> fields) {
  const auto integer = [&](std::size_t i, std::int32_t low, std::int32_t high) {
    return reader.Integer(kColumns[kFirstInput + i], fields[i], low, high);
  };
  Inputs inputs;
  inputs.steer = integer(0, -kMaxAnalog, kMaxAnalog);
  inputs.gas = integer(1, -kMaxAnalog, kMaxAnalog);
  inputs.left = integer(2, 0, 1) == 1;
  inputs.right = integer(3, 0, 1) == 1;
  inputs.accelerate = integer(4, 0, 1) == 1;
  inputs.brake = integer(5, 0, 1) == 1;
  if (inputs.left && inputs.right) reader.Fail("right", "left and right at once; no action has it");
  return inputs;
}

void ReadPoint(const Reader& reader, std::string_view line, bool is_last, Run& run) {
  const auto fields = Fields(reader, line);
  RunPoint point;
  point.race_time_ms = reader.Integer(kColumns[0], fields[0], 0, kMaxRaceTimeMs);
  if (!run.points.empty()) {
    const std::int32_t passed = point.race_time_ms - run.points.back().race_time_ms;
    const std::int32_t step = run.ticks_per_step * kTickMs;
    // A step may end early at its finish alone.
    const bool is_fine = passed == step || (is_last && run.finished() && passed > 0 &&
                                            passed < step && passed % kTickMs == 0);
    if (!is_fine) {
      reader.Fail(kColumns[0], fmt::format("{} ms after the line before; a step is {} ms, the last "
                                           "before a finish may be less",
                                           passed, step));
    }
  }
  const auto inputs = std::span(fields).subspan(kFirstInput, kNumInputs);
  if (!is_last) {
    run.inputs.push_back(ReadInputs(reader, inputs));
  } else if (!std::ranges::all_of(inputs, &std::string_view::empty)) {
    reader.Fail(kColumns[kFirstInput], "inputs in the last line, after which nothing was driven");
  }
  point.progress_m = reader.Number(kColumns[7], fields[7]);
  if (!fields[8].empty()) point.lateral_m = reader.Number(kColumns[8], fields[8]);
  if (!fields[9].empty()) point.speed_mps = reader.Number(kColumns[9], fields[9]);
  if (!fields[10].empty()) point.gear = reader.Integer(kColumns[10], fields[10], 0, kMaxGear);
  run.points.push_back(point);
}

}  // namespace

void WriteRun(std::ostream& out, const Run& run) {
  out << fmt::format(
      "{}\n# track: {}\n# kind: {}\n# ticks_per_step: {}\n# randomised: {}\n# invalid_steps: {}\n"
      "# end_reason: {}\n# finish_time_ms: {}\n{}\n",
      kFirstLine, run.track, run.kind, run.ticks_per_step,
      run.randomised.empty() ? kNothing : fmt::format("{}", fmt::join(run.randomised, " ")),
      run.invalid_steps, EndReasonName(run.end_reason), run.finish_time_ms,
      fmt::join(kColumns, ","));
  for (std::size_t i = 0; i < run.points.size(); ++i) {
    const RunPoint& p = run.points[i];
    out << p.race_time_ms << ',';
    if (i < run.inputs.size()) {
      const Inputs& in = run.inputs[i];
      out << fmt::format("{},{},{:d},{:d},{:d},{:d}", in.steer, in.gas, in.left, in.right,
                         in.accelerate, in.brake);
    } else {
      out << ",,,,,";
    }
    out << fmt::format(",{},{},{},{}\n", p.progress_m, Shown(p.lateral_m), Shown(p.speed_mps),
                       Shown(p.gear));
  }
}

Run ParseRun(std::string_view text, std::string_view name) {
  Reader reader(text, name);
  if (const auto line = reader.Line(kFirstLine); line != kFirstLine) {
    reader.Fail("", fmt::format("{}; the first line of a run is {}", Quoted(line), kFirstLine));
  }
  Run run;
  const auto text_field = [&](std::string_view field) {
    const std::string_view value = reader.Head(field);
    if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      reader.Fail(field, fmt::format("{}; allowed are no control characters", Quoted(value)));
    }
    return std::string(value);
  };
  run.track = text_field("track");
  run.kind = text_field("kind");
  run.ticks_per_step =
      reader.Integer("ticks_per_step", reader.Head("ticks_per_step"), 1, kMaxTicksPerStep);
  if (const std::string drawn = text_field("randomised"); drawn != kNothing) {
    run.randomised = ReadWords(drawn);
    if (run.randomised.empty() || fmt::format("{}", fmt::join(run.randomised, " ")) != drawn) {
      reader.Fail("randomised", fmt::format("{}; allowed are {}, or names with a space between",
                                            Quoted(drawn), kNothing));
    }
  }
  run.invalid_steps =
      reader.Integer("invalid_steps", reader.Head("invalid_steps"), 0, kMaxRaceTimeMs);
  run.end_reason = ReadEndReason(reader, reader.Head("end_reason"));
  run.finish_time_ms =
      reader.Integer("finish_time_ms", reader.Head("finish_time_ms"), 0, kMaxRaceTimeMs);
  const std::string columns = fmt::format("{}", fmt::join(kColumns, ","));
  if (const auto line = reader.Line(columns); line != columns) {
    reader.Fail("", fmt::format("{}; the columns of a run are {}", Quoted(line), columns));
  }
  while (reader.HasLine()) {
    const std::string_view line = reader.Line("a point");
    ReadPoint(reader, line, !reader.HasLine(), run);
  }
  if (run.finished() != (run.finish_time_ms > 0) ||
      (run.finished() &&
       (run.points.empty() || run.points.back().race_time_ms != run.finish_time_ms))) {
    reader.Fail("race_time_ms", "a run that finished ends at its finish_time_ms, another has 0");
  }
  return run;
}

Run ReadRun(const std::filesystem::path& path) {
  return ParseRun(ReadWholeFile(path, kMaxFileSize), path.string());
}

}  // namespace hotlap::agents
