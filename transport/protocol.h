// Requests of the wire protocol as structs, and their header frames. docs/protocol.md is the
// normative text.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "env/vector_environment.h"
#include "transport/batch_layout.h"
#include "transport/status.h"

namespace hotlap::transport {

inline constexpr std::uint64_t kProtocolVersion = 1;
inline constexpr std::size_t kMaxRequestHeaderBytes = 1 << 16;
inline constexpr std::size_t kMaxReplyHeaderBytes = 1 << 20;
inline constexpr std::size_t kMaxNameBytes = 64;  // of environments, tracks, info columns
inline constexpr std::size_t kMaxSettingsBytes = 4096;
inline constexpr int kMaxSettingsColumns = 1024;  // of an observation that a client chose
inline constexpr std::size_t kMaxNickBytes = 32;
inline constexpr std::size_t kMaxMessageBytes = 256;
inline constexpr std::size_t kMaxAdminKeyBytes = 64;
inline constexpr std::size_t kMaxRequestArrays = 3;  // no operation takes more
inline constexpr int kMaxRows = 65536;               // of any attach; servers allow less

// The largest frame that a server reads, by what its hello tells.
std::size_t MaxRequestFrameBytes(int max_rows, std::size_t max_transfer_bytes);

enum class Operation : std::uint8_t {
  kHello,      // opens a session
  kSpec,       // describes an environment
  kAttach,     // leases rows
  kReset,      // arrays: mask, seeds, snapshots
  kStep,       // arrays: actions, rows
  kSend,       // arrays: actions, rows
  kRecv,       // gives rows that were sent
  kSave,       // arrays: mask
  kRestore,    // arrays: snapshots
  kBranch,     // arrays: mask
  kExport,     // arrays: snapshots
  kImport,     // arrays: sizes, bytes
  kDrop,       // arrays: snapshots
  kDetach,     // gives the rows back
  kPing,       // keeps a session alive, or just answers
  kSessions,   // who is online
  kInstances,  // every game
  kStates,     // arrays: instances
  kLogs,       // the latest lines
  kStats,      // counters of the session and of the server
  kTrack,      // geometry
  kMessages,   // what clients say to each other
  kPostMessage,
  kClearMessages,  // the administrator's
  kAnnounce,       // likewise: an event for all sessions
  kListen,         // as ping, and events come to where it came from
  kAck,            // of an event; the last
};
inline constexpr int kNumOperations = static_cast<int>(Operation::kAck) + 1;
const char* OperationName(Operation operation);
int NumRequestArrays(Operation operation);
// Whether it is on rows alone, and so takes for each as long as before. The others build, free, or
// move as many states as a client likes.
bool IsOnRows(Operation operation);
bool GivesBatch(Operation operation);  // as the arrays of its reply
// Whether a session's requests of it are run in the order of their ids, each once. The others
// change nothing and are answered at once, whatever their id.
bool IsCounted(Operation operation);

// What names a session (given by the server) or a client (chosen by it): 16 random bytes.
using Token = std::array<std::byte, 16>;
Token RandomToken();  // from the kernel; throws std::system_error when it has none

// Which games rows are lent.
enum class GameKind : std::uint8_t { kSimulated, kTMInterface, kAny };
const char* GameKindName(GameKind kind);
inline constexpr std::array<std::string_view, 3> kAutoresetNames = {"next_step", "same_step",
                                                                    "disabled"};
const char* AutoresetName(Autoreset autoreset);
inline constexpr std::array<std::string_view, 2> kObservationTypeNames = {"f32", "f16"};
const char* ObservationTypeName(ObservationType type);
// What the servers of this version can beside the least that a client needs.
inline constexpr std::array<std::string_view, 6> kServerCapabilities = {"f16",    "send", "states",
                                                                        "resume", "wait", "events"};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
const char* LogLevelName(LogLevel level);

// One struct for all operations: their fields hardly differ, and each operation refuses those that
// are not its own.
struct Request {
  Operation operation = Operation::kPing;
  std::uint64_t id = 0;        // from 1, growing by one per session; of hello and ping: any;
                               // spec: 0 is not counted
  std::optional<Token> token;  // all but hello; of ping optional

  Token key{};  // hello: the client's own secret; the same key again finds the same session
  std::vector<std::string> capabilities;  // hello: what the client can beside the protocol's least
  std::string nick;  // hello: for others to see; printable, at most kMaxNickBytes
  std::optional<std::chrono::milliseconds> timeout;  // hello: asked for, of the session
  std::string environment;                           // spec, attach; hello: of the hashes, optional
  std::string settings;                              // spec, attach: YAML, over the environment's
  std::optional<std::uint64_t> policy_hash;          // hello, attach: what the client was made for
  std::optional<std::uint64_t> task_hash;            // hello, attach

  int rows = 0;                                // attach: [1, kMaxRows]
  std::vector<std::string> tracks;             // attach: row i drives tracks[i % size]
  GameKind kind = GameKind::kAny;              // attach
  Autoreset autoreset = Autoreset::kNextStep;  // attach
  ObservationType observations = ObservationType::kFloat32;  // attach: how they are sent
  std::vector<std::string> info;      // attach: names of columns; empty: the default ones
  std::chrono::milliseconds wait{0};  // attach: for games that are lent to others, [0, 600000]
  float keep_every_m = 0;             // attach: [1, 10000], or 0: no state is kept
  std::optional<Starts> starts;       // attach, reset

  int count = 0;                               // recv: rows that are waited for, [1, kMaxRows]
  int row = 0;                                 // branch: whose state the others get, [0, kMaxRows)
  bool close = false;                          // detach: the session ends too
  bool resume = false;                         // hello: a session that there is already, or none
  LogLevel level = LogLevel::kDebug;           // logs: the least
  std::optional<std::uint32_t> round_trip_us;  // ping, listen: of the one before, as the client
                                               // measured it
  std::uint64_t first = 0;                     // sessions, instances: numbers from it on
  std::uint64_t since = 0;                     // logs, messages: what has a greater number
  std::string track;                           // track
  std::string text;         // post_message, announce: printable, 1 to kMaxMessageBytes bytes
  std::string admin_key;    // clear_messages, announce
  std::uint64_t event = 0;  // ack: its number
};

Request RequestFor(Operation operation);  // with nothing else set

// A refusal with the request's id as far as it could be read, else 0.
struct RequestRefusal {
  std::uint64_t id = 0;
  Refusal refusal;
};

// Reads a header frame from anybody. Checks types, ranges and that every field is one of the
// operation's.
tl::expected<Request, RequestRefusal> DecodeRequest(std::span<const std::byte> frame);
std::string EncodeRequest(const Request& request);

}  // namespace hotlap::transport
