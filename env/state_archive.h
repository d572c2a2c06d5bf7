// States that rows keep by themselves, for later episodes to begin at. Of each track and kind of
// game: the latest few at every checkpoint, the latest few at every so many metres of the line, and
// the latest before failures.
//
// What a row passes and where it begins is told and asked by the thread that steps the row. Gather
// follows when all threads are done, and alone changes what Draw finds: of the rows whose steps are
// over, in row order, so that nothing depends on threads and groups.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/centreline.h"
#include "env/environment_snapshot.h"
#include "env/random.h"
#include "env/row_record.h"

namespace hotlap {

// Where episodes begin. All but the first draw among the kept states of the row's track: a
// checkpoint, mark or failure first, evenly, then one of the states there, evenly.
enum class StartPlace : std::uint8_t {
  kStart,        // at s(0)
  kCheckpoints,  // where a checkpoint has just been taken
  kLine,         // every so many metres of the line
  kFailures,     // the last kept state of an episode that failed, or where that began
};

struct Starts {
  StartPlace at = StartPlace::kStart;
  float start_share = 0;  // of the episodes begin at the start all the same; [0, 1]
  friend bool operator==(const Starts&, const Starts&) = default;
};

struct ArchiveSettings {
  float every_m = 0;  // of the line lies a mark, [1, 10000]; 0: no state is kept
  // When it is used up, the states that were kept first go first. Rows' own latest states come to
  // three for each row beside it.
  std::size_t max_bytes = std::size_t{16} << 20;
};

class StateArchive {
 public:
  // Then the newest takes the place of the oldest there.
  static constexpr std::size_t kStatesPerMark = 8;
  static constexpr std::size_t kFailureStates = 64;
  static constexpr int kMaxMarks = 4096;  // of a track

  struct Row {
    std::string_view game_kind;  // GameGroup::kind()
    std::uint64_t track_hash = 0;
    const Centreline* line = nullptr;  // outlives the archive
  };
  // Throws std::invalid_argument when every_m is out of range, or too little for a row's line.
  StateArchive(const ArchiveSettings& settings, std::span<const Row> rows);

  // Bytes of a snapshot, valid until the next Gather; empty: at the start, as long as there is no
  // state too. A function of the archive and the stream alone.
  std::span<const std::byte> Draw(std::size_t row, const Starts& starts,
                                  const RandomStream& random) const;
  // The row's episode begins or goes on at this snapshot; empty: at the start.
  void Begin(std::size_t row, const RowRecord& record, std::span<const std::byte> snapshot);
  // A step has brought the row's episode here, and it goes on. True when the state is to be kept:
  // then Keep follows, unless there is none.
  bool Passes(std::size_t row, const RowRecord& record);
  void Keep(std::size_t row, const SnapshotHeader& header, const RowRecord& record,
            std::span<const std::byte> game);
  void Fail(std::size_t row);  // the row's episode has

  // Takes over what the row has passed. Takes memory only for a state that pushes out no other of
  // its size.
  void Gather(std::size_t row);

  std::size_t bytes() const { return bytes_; }  // kept now

 private:
  struct Shelf;
  struct Kept {
    std::vector<std::byte> bytes;
    Shelf* shelf = nullptr;
  };
  using KeptStates = std::list<Kept>;          // the oldest first
  struct Shelf {                               // the states of one place
    std::vector<KeptStates::iterator> states;  // likewise
    std::size_t capacity = 0;
  };
  struct Course {  // one track with one kind of game
    std::string game_kind;
    std::uint64_t track_hash = 0;
    const Centreline* line = nullptr;
    std::array<std::vector<Shelf>, 3> shelves;  // of StartPlace, from kCheckpoints on

    std::vector<Shelf>& at(StartPlace place) { return shelves[Index(place)]; }
    const std::vector<Shelf>& at(StartPlace place) const { return shelves[Index(place)]; }
    static std::size_t Index(StartPlace place) { return static_cast<std::size_t>(place) - 1; }
  };
  struct Trail {  // of a row
    std::size_t course = 0;
    int mark = 0, checkpoints = 0;           // where the row is
    std::vector<std::byte> latest;           // of its episode; empty: the start
    int new_mark = -1, new_checkpoint = -1;  // shelves for `latest`; below 0: none
    bool is_new = false;                     // `latest` is of this step
    std::vector<std::byte> before_failure;
    bool has_failed = false;
  };

  std::size_t CourseOf(const Row& row);
  int MarkAt(const Course& course, float s_m) const;
  void Put(std::vector<Shelf>& shelves, int shelf, std::span<const std::byte> bytes);
  // The oldest of a shelf leaves it, and its memory is the last of kept_, for a newer one.
  void PushOut(KeptStates::iterator oldest);

  ArchiveSettings settings_;
  std::vector<Course> courses_;
  std::vector<Trail> trails_;  // by row
  KeptStates kept_;
  std::size_t bytes_ = 0;
};

}  // namespace hotlap
