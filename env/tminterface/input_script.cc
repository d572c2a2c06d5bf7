#include "env/tminterface/input_script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace hotlap::tminterface {
namespace {

constexpr std::int32_t kNoTime = -1;
constexpr std::string_view kBlanks = " \t\r\v\f";

// How a key is spelled in scripts, by its InputKey number, and the control that it moves.
struct KeyEntry {
  InputKey key;
  std::string_view name;
  std::optional<Control> control;
};
constexpr std::array<KeyEntry, 9> kKeys = {{{InputKey::kUp, "up", Control::kAccelerate},
                                            {InputKey::kDown, "down", Control::kBrake},
                                            {InputKey::kLeft, "left", Control::kSteerLeft},
                                            {InputKey::kRight, "right", Control::kSteerRight},
                                            {InputKey::kRespawn, "enter", Control::kRespawn},
                                            {InputKey::kReset, "delete", std::nullopt},
                                            {InputKey::kHorn, "horn", Control::kHorn},
                                            {InputKey::kSteer, "steer", Control::kSteer},
                                            {InputKey::kGas, "gas", Control::kGas}}};

bool IsAnalog(InputKey key) { return key == InputKey::kSteer || key == InputKey::kGas; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

InputKey KeyNamed(std::string_view name) {
  const std::string lower = Lower(name);
  for (const KeyEntry& entry : kKeys) {
    if (!IsAnalog(entry.key) && entry.name == lower) return entry.key;
  }
  return InputKey::kUnknown;
}

// A whole token that is an integer, with or without a sign.
std::optional<std::int32_t> ParseInteger(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  std::int32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Digits alone.
std::optional<std::int64_t> ParseDigits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return ParseInteger(text);
}

struct TimeRange {
  std::int32_t from = kNoTime;  // kNoTime: not a time
  std::int32_t to = kNoTime;    // kNoTime: a single time
};

TimeRange ParseTimeRange(std::string_view token) {
  const std::size_t dash = token.find('-');
  if (dash == std::string_view::npos) return {ParseTime(token), kNoTime};
  const std::int32_t a = ParseTime(token.substr(0, dash));
  const std::int32_t b = ParseTime(token.substr(dash + 1));
  return {std::min(a, b), std::max(a, b)};
}

// The commands of a line: what stands between semicolons outside quotes, as words; quotes join
// words.
std::vector<std::vector<std::string>> SplitLine(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::vector<std::string>> commands(1);
  std::optional<std::string> word;
  bool quoted = false;
  const auto end_word = [&] {
    if (word) commands.back().push_back(*std::exchange(word, std::nullopt));
  };
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      if (!word) word.emplace();
    } else if (!quoted && c == ';') {
      end_word();
      commands.emplace_back();
    } else if (!quoted && kBlanks.find(c) != std::string_view::npos) {
      end_word();
    } else {
      if (!word) word.emplace();
      word->push_back(c);
    }
  }
  end_word();
  std::erase_if(commands, [](const auto& words) { return words.empty(); });
  return commands;
}

// The input that the words after a time are; nullopt: they are a command.
std::optional<TimedInput> ParseInput(const std::vector<std::string>& words) {
  if (words.size() < 2) return std::nullopt;
  const std::string action = Lower(words[0]);
  if (action == "press" || action == "rel") {
    return TimedInput{0, KeyNamed(words[1]), action == "press" ? 1 : 0};
  }
  if (action != "steer" && action != "gas") return std::nullopt;
  const std::optional<std::int32_t> value = ParseInteger(words[1]);
  if (!value) return std::nullopt;
  return TimedInput{0, action == "steer" ? InputKey::kSteer : InputKey::kGas, *value};
}

void AddCommand(std::vector<std::string> words, InputScript& script) {
  const TimeRange range = ParseTimeRange(words[0]);
  if (range.from == kNoTime) {
    script.immediate.push_back(std::move(words));
    return;
  }
  words.erase(words.begin());
  if (std::optional<TimedInput> input = ParseInput(words)) {
    input->time_ms = range.from;
    script.timed.push_back(*input);
    if (range.to != kNoTime) script.timed.push_back(TimedInput{range.to, input->key, 0});
    return;
  }
  script.timed.push_back(TimedCommand{range.from, words, false});
  if (range.to != kNoTime) script.timed.push_back(TimedCommand{range.to, words, true});
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (&word != &words.front()) text += ' ';
    text += word;
  }
  return text;
}

std::string TextOf(const TimedInput& input) {
  const std::string time = std::to_string(input.time_ms) + ' ';
  const std::string state = std::to_string(input.state);
  if (input.key == InputKey::kUnknown) return "# " + time + "[unknown] " + state;
  const std::string name(kKeys[static_cast<std::size_t>(input.key)].name);
  if (IsAnalog(input.key)) return time + name + ' ' + state;
  return time + (input.state != 0 ? "press " : "rel ") + name;
}

std::string TextOf(const TimedCommand& command) {
  return std::to_string(command.time_ms) + ' ' + Join(command.arguments);
}

std::int32_t TimeOf(const std::variant<TimedInput, TimedCommand>& timed) {
  return std::visit([](const auto& entry) { return entry.time_ms; }, timed);
}

}  // namespace

std::int32_t ParseTime(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return ParseInteger(text).value_or(kNoTime);

  const std::string fraction = std::string(text.substr(point + 1, 2)) + '0';
  const std::optional<std::int64_t> hundredths = ParseDigits(fraction.substr(0, 2));
  if (!hundredths || !ParseDigits(text.substr(point + 1))) return kNoTime;
  std::int64_t seconds = 0;
  std::string_view rest = text.substr(0, point);
  for (int parts = 1;; ++parts) {
    const std::size_t colon = rest.find(':');
    const std::optional<std::int64_t> part = ParseDigits(rest.substr(0, colon));
    if (!part || parts > 3) return kNoTime;
    seconds = 60 * seconds + *part;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  const std::int64_t ms = 1000 * seconds + 10 * *hundredths;
  return ms <= std::numeric_limits<std::int32_t>::max() ? static_cast<std::int32_t>(ms) : kNoTime;
}

InputScript InputScript::Parse(std::string_view text) {
  InputScript script;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    for (std::vector<std::string>& words : SplitLine(text.substr(0, end))) {
      AddCommand(std::move(words), script);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return script;
}

void InputScript::SortByTime() {
  std::stable_sort(timed.begin(), timed.end(),
                   [](const auto& a, const auto& b) { return TimeOf(a) < TimeOf(b); });
}

std::string InputScript::ToText() const {
  std::string text;
  for (const std::vector<std::string>& words : immediate) text += Join(words) + '\n';
  for (const auto& entry : timed) {
    text += std::visit([](const auto& e) { return TextOf(e); }, entry) + '\n';
  }
  return text;
}

std::string ToScriptText(const EventBuffer& buffer, bool whole) {
  const auto is_set = [&](const Event& event, Control control) {
    return ControlIndex(event.data) == buffer.index_of(control) && BinaryValue(event.data);
  };
  std::vector<Event> events = buffer.events;
  const auto is_later = [](const Event& a, const Event& b) {
    return a.stored_time_ms > b.stored_time_ms;
  };
  // In the game's order the last is the first; in any other, events of one time are in turn.
  if (std::is_sorted(events.begin(), events.end(), is_later)) {
    std::reverse(events.begin(), events.end());
  }
  std::stable_sort(events.begin(), events.end(),
                   [&](const Event& a, const Event& b) { return is_later(b, a); });
  const auto running = std::find_if(events.begin(), events.end(), [&](const Event& event) {
    return is_set(event, Control::kIsRaceRunning);
  });
  const std::int64_t start =
      running == events.end() ? kStoredTimeOfRaceStart : running->stored_time_ms;

  std::string text;
  for (const Event& event : events) {
    if (event.stored_time_ms < start) continue;
    if (!whole && is_set(event, Control::kFinishLine)) break;
    const auto entry = std::find_if(kKeys.begin(), kKeys.end(), [&](const KeyEntry& e) {
      return e.control && buffer.index_of(*e.control) == ControlIndex(event.data);
    });
    if (entry == kKeys.end()) continue;
    const std::int32_t state = IsAnalog(entry->key)
                                   ? AnalogValue(event.data)
                                   : static_cast<std::int32_t>(BinaryValue(event.data));
    const bool momentary = entry->key == InputKey::kRespawn || entry->key == InputKey::kHorn;
    if (momentary && state == 0) continue;
    // Rounded up to ticks; the text has no negative times.
    const std::int64_t script_time = std::max<std::int64_t>(event.stored_time_ms - start - 10, 0);
    const std::int64_t time = (script_time + 9) / 10 * 10;
    text += TextOf(TimedInput{static_cast<std::int32_t>(time), entry->key, state}) + '\n';
  }
  return text;
}

EventBuffer ToEventBuffer(const InputScript& script, const EventBuffer& layout) {
  constexpr std::int32_t kLatest =
      std::numeric_limits<std::int32_t>::max() - kStoredTimeOfScriptZero;
  constexpr std::int32_t kAnalogLimit = 8388607;
  EventBuffer buffer = layout;
  buffer.Clear();
  for (const auto& entry : script.timed) {
    const TimedInput* input = std::get_if<TimedInput>(&entry);
    if (input == nullptr || input->key == InputKey::kUnknown || input->time_ms > kLatest) continue;
    const std::optional<Control> control = kKeys[static_cast<std::size_t>(input->key)].control;
    const int index = control ? layout.index_of(*control) : -1;
    if (index < 0) continue;
    const std::uint32_t data =
        IsAnalog(input->key)
            ? PackAnalog(index, std::clamp(input->state, -kAnalogLimit, kAnalogLimit))
            : PackBinary(index, input->state != 0);
    buffer.events.push_back({input->time_ms + kStoredTimeOfScriptZero, data});
  }
  std::reverse(buffer.events.begin(), buffer.events.end());
  buffer.Sort();
  return buffer;
}

}  // namespace hotlap::tminterface
