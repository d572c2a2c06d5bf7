#include "env/state_archive.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace hotlap {
namespace {

constexpr float kMinEveryM = 1, kMaxEveryM = 10000;

// Draws of the stream.
enum StartDraw : std::uint64_t { kShareDraw, kPlaceDraw, kStateDraw };

// The place of `count` that a shelf has, -1 when there is none of this index.
int ShelfAt(int index, std::size_t count) {
  return index >= 0 && static_cast<std::size_t>(index) < count ? index : -1;
}

}  // namespace

StateArchive::StateArchive(const ArchiveSettings& settings, std::span<const Row> rows)
    : settings_(settings), trails_(rows.size()) {
  if (!(settings.every_m >= kMinEveryM && settings.every_m <= kMaxEveryM)) {
    throw std::invalid_argument("archive.every_m is " + std::to_string(settings.every_m) +
                                ", must be in [1, 10000]");
  }
  for (std::size_t row = 0; row < rows.size(); ++row) trails_[row].course = CourseOf(rows[row]);
}

std::size_t StateArchive::CourseOf(const Row& row) {
  const auto found = std::ranges::find_if(courses_, [&](const Course& course) {
    return course.game_kind == row.game_kind && course.track_hash == row.track_hash;
  });
  if (found != courses_.end()) return static_cast<std::size_t>(found - courses_.begin());
  const Centreline& line = *row.line;
  const float marks = (line.finish_s_m() - line.start_s_m()) / settings_.every_m;
  if (!(marks < static_cast<float>(kMaxMarks))) {
    throw std::invalid_argument("archive.every_m is " + std::to_string(settings_.every_m) +
                                ", which makes more than " + std::to_string(kMaxMarks) +
                                " marks on a track");
  }
  Course& course = courses_.emplace_back();
  course.game_kind = row.game_kind;
  course.track_hash = row.track_hash;
  course.line = row.line;
  const int passes = line.num_gates() * line.laps() - 1;  // the finish is no place to begin
  course.at(StartPlace::kCheckpoints)
      .resize(static_cast<std::size_t>(std::max(passes, 0)), {{}, kStatesPerMark});
  course.at(StartPlace::kLine).resize(static_cast<std::size_t>(marks), {{}, kStatesPerMark});
  course.at(StartPlace::kFailures).resize(1, {{}, kFailureStates});
  return courses_.size() - 1;
}

int StateArchive::MarkAt(const Course& course, float s_m) const {
  return static_cast<int>((s_m - course.line->start_s_m()) / settings_.every_m);
}

std::span<const std::byte> StateArchive::Draw(std::size_t row, const Starts& starts,
                                              const RandomStream& random) const {
  if (starts.at == StartPlace::kStart || random.Unit(kShareDraw) < starts.start_share) return {};
  const auto has_states = [](const Shelf& shelf) { return !shelf.states.empty(); };
  const std::vector<Shelf>& shelves = courses_[trails_[row].course].at(starts.at);
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(shelves, has_states));
  if (count == 0) return {};
  auto shelf = std::ranges::find_if(shelves, has_states);
  for (std::uint64_t skip = random.Bits(kPlaceDraw) % count; skip > 0; --skip) {
    shelf = std::find_if(shelf + 1, shelves.end(), has_states);
  }
  return shelf->states[random.Bits(kStateDraw) % shelf->states.size()]->bytes;
}

void StateArchive::Begin(std::size_t row, const RowRecord& record,
                         std::span<const std::byte> snapshot) {
  Trail& trail = trails_[row];
  trail.mark = MarkAt(courses_[trail.course], record.place.s_m);
  trail.checkpoints = record.checkpoints_passed;
  trail.latest.assign(snapshot.begin(), snapshot.end());
}

bool StateArchive::Passes(std::size_t row, const RowRecord& record) {
  Trail& trail = trails_[row];
  const Course& course = courses_[trail.course];
  const int mark = MarkAt(course, record.place.s_m);
  const int before = std::exchange(trail.mark, mark);
  const int passed = std::exchange(trail.checkpoints, record.checkpoints_passed);
  trail.new_mark = mark > before ? ShelfAt(mark - 1, course.at(StartPlace::kLine).size()) : -1;
  trail.new_checkpoint =
      record.checkpoints_passed > passed
          ? ShelfAt(record.checkpoints_passed - 1, course.at(StartPlace::kCheckpoints).size())
          : -1;
  return trail.new_mark >= 0 || trail.new_checkpoint >= 0;
}

void StateArchive::Keep(std::size_t row, const SnapshotHeader& header, const RowRecord& record,
                        std::span<const std::byte> game) {
  Trail& trail = trails_[row];
  PackSnapshot(header, record, game, trail.latest);
  trail.is_new = true;
}

void StateArchive::Fail(std::size_t row) {
  Trail& trail = trails_[row];
  if (trail.latest.empty()) return;  // it began at the start and came to no mark
  trail.before_failure.swap(trail.latest);
  trail.has_failed = true;
}

void StateArchive::Gather(std::size_t row) {
  Trail& trail = trails_[row];
  Course& course = courses_[trail.course];
  if (std::exchange(trail.is_new, false)) {
    Put(course.at(StartPlace::kCheckpoints), trail.new_checkpoint, trail.latest);
    Put(course.at(StartPlace::kLine), trail.new_mark, trail.latest);
  }
  if (std::exchange(trail.has_failed, false)) {
    Put(course.at(StartPlace::kFailures), 0, trail.before_failure);
  }
}

void StateArchive::Put(std::vector<Shelf>& shelves, int shelf, std::span<const std::byte> bytes) {
  if (shelf < 0 || bytes.size() > settings_.max_bytes) return;
  Shelf& at = shelves[static_cast<std::size_t>(shelf)];
  at.states.reserve(at.capacity);
  if (at.states.size() == at.capacity) {
    PushOut(at.states.front());
  } else if (bytes_ + bytes.size() > settings_.max_bytes) {
    PushOut(kept_.begin());
  } else {
    kept_.emplace_back();
  }
  Kept& kept = kept_.back();
  bytes_ += bytes.size();
  bytes_ -= kept.bytes.size();
  if (kept.bytes.size() == bytes.size()) {
    std::ranges::copy(bytes, kept.bytes.begin());
  } else {  // takes as much memory as it counts for
    kept.bytes = std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  kept.shelf = &at;
  at.states.push_back(std::prev(kept_.end()));
  while (bytes_ > settings_.max_bytes) {
    bytes_ -= kept_.front().bytes.size();
    PushOut(kept_.begin());
    kept_.pop_back();
  }
}

// The oldest of all is the oldest of its shelf.
void StateArchive::PushOut(KeptStates::iterator oldest) {
  std::vector<KeptStates::iterator>& states = oldest->shelf->states;
  assert(states.front() == oldest);
  states.erase(states.begin());
  kept_.splice(kept_.end(), kept_, oldest);
}

}  // namespace hotlap
