// The 34 messages of TMInterface 1.4 as structs, and their bytes in the shared buffer.
// Little-endian; a bool is 4 bytes; a string is an int32 byte count and the bytes, without padding;
// a vector is an int32 count and its elements back to back. Free of other libraries: this folder
// also compiles for Windows on its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "env/tminterface/event_buffer.h"

namespace hotlap::tminterface {

inline constexpr std::size_t kHeaderSize =
    8;  // type, ready marker, two zero bytes, int32 error code
inline constexpr std::size_t kDefaultBufferSize = 65535;

enum class MessageType : std::uint8_t {
  kNone = 0,
  kResponse = 1,
  kOnRegistered = 2,
  kShutdown = 3,
  kOnRunStep = 4,
  kOnSimBegin = 5,
  kOnSimStep = 6,
  kOnSimEnd = 7,
  kOnCheckpointCountChanged = 8,
  kOnLapsCountChanged = 9,
  kOnCustomCommand = 10,
  kOnBruteforceEvaluate = 11,
  kRegister = 12,
  kDeregister = 13,
  kProcessedCall = 14,
  kSetInputStates = 15,
  kRespawn = 16,
  kGiveUp = 17,
  kHorn = 18,
  kSimRewindToState = 19,
  kSimGetState = 20,
  kSimGetEventBuffer = 21,
  kGetContextMode = 22,
  kSimSetEventBuffer = 23,
  kSimSetTimeLimit = 24,
  kGetCheckpointState = 25,
  kSetCheckpointState = 26,
  kSetGameSpeed = 27,
  kExecuteCommand = 28,
  kSetExecuteCommands = 29,
  kSetTimeout = 30,
  kRemoveStateValidation = 31,
  kPreventSimulationFinish = 32,
  kRegisterCustomCommand = 33,
  kLog = 34,
  kAny = 35,  // placeholder, never sent
};

// "C_SET_TIMEOUT" and so on; "unknown" for a number outside the table.
std::string_view MessageName(MessageType type);
constexpr bool IsServerCall(MessageType t) {
  return t >= MessageType::kOnRegistered && t <= MessageType::kOnBruteforceEvaluate;
}
constexpr bool IsClientCall(MessageType t) {
  return t >= MessageType::kRegister && t <= MessageType::kLog;
}

enum class ErrorCode : std::int32_t {
  kNone = 0,
  kResponseTooLong = 1,
  kClientAlreadyRegistered = 2,
  kNoEventBuffer = 3,
  kNoPlayerInfo = 4,
  kCommandAlreadyRegistered = 5,
};

// "RESPONSE_TOO_LONG" and so on; "unknown" for a number outside the table.
std::string_view ErrorName(ErrorCode error);

enum class ContextMode : std::int32_t { kSimulation = 0, kRun = 1 };

// Why bytes are not a message. `field` is the name of the first field that did not fit, for example
// "C_LOG.message".
struct DecodeError {
  std::string field;
  std::string text;  // "needs 12 bytes, 3 left" or "count -4 is negative"
  std::string ToString() const { return field + ": " + text; }
};

// Reads fields from bytes and cannot leave them. After the first error every further read returns
// zero or nothing, and error() tells the first field that failed, so a decoder reads straight
// through and looks once at the end.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::int32_t Int32(std::string_view field);
  std::uint32_t Uint32(std::string_view field);
  bool Bool(std::string_view field);
  double Double(std::string_view field);
  std::string_view String(std::string_view field);  // points into the bytes
  std::span<const std::byte> Bytes(std::size_t size, std::string_view field);
  // The count of a vector whose elements take `element_size` bytes each: an error unless all of
  // them are there.
  std::size_t Count(std::size_t element_size, std::string_view field);

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  const std::optional<DecodeError>& error() const { return error_; }
  void Fail(std::string_view field, std::string text);  // keeps the first

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  std::optional<DecodeError> error_;
};

// Writes fields into a buffer and cannot leave it. The first field that does not fit sets
// overflow(); nothing is written from then on.
class Writer {
 public:
  explicit Writer(std::span<std::byte> buffer) : buffer_(buffer) {}

  void Int32(std::int32_t value);
  void Uint32(std::uint32_t value);
  void Bool(bool value);  // 4 bytes, 0 or 1
  void Double(double value);
  void String(std::string_view value);
  void Bytes(std::span<const std::byte> bytes);

  std::size_t size() const { return position_; }
  bool overflow() const { return overflow_; }

 private:
  std::span<std::byte> buffer_;
  std::size_t position_ = 0;
  bool overflow_ = false;
};

// ---- calls of the game to the client

struct OnRegistered {
  static constexpr MessageType kType = MessageType::kOnRegistered;
};
struct Shutdown {
  static constexpr MessageType kType = MessageType::kShutdown;
};
struct OnRunStep {
  static constexpr MessageType kType = MessageType::kOnRunStep;
  std::int32_t race_time_ms = 0;  // negative before the start
};
struct OnSimBegin {
  static constexpr MessageType kType = MessageType::kOnSimBegin;
};
struct OnSimStep {
  static constexpr MessageType kType = MessageType::kOnSimStep;
  std::int32_t race_time_ms = 0;
};
struct OnSimEnd {
  static constexpr MessageType kType = MessageType::kOnSimEnd;
  std::int32_t result = 0;
};
struct OnCheckpointCountChanged {
  static constexpr MessageType kType = MessageType::kOnCheckpointCountChanged;
  std::int32_t current = 0;  // passes so far
  std::int32_t target = 0;   // passes in all, laps and finish included
};
struct OnLapsCountChanged {
  static constexpr MessageType kType = MessageType::kOnLapsCountChanged;
  std::int32_t current = 0;
};
struct OnCustomCommand {
  static constexpr MessageType kType = MessageType::kOnCustomCommand;
  std::int32_t time_from_ms = -1;  // -1: none
  std::int32_t time_to_ms = -1;
  std::string command;
  std::vector<std::string> arguments;
};
enum class BruteforceDecision : std::uint32_t {
  kContinue = 0,
  kDoNothing = 1,
  kAccept = 2,
  kReject = 3,
  kStop = 4
};
struct OnBruteforceEvaluate {
  static constexpr MessageType kType = MessageType::kOnBruteforceEvaluate;
  std::uint32_t phase = 0;   // 0 initial, 1 search
  std::uint32_t target = 0;  // 0 finish time, 1 checkpoint time, 2 trigger, 3 distance or speed
  std::int32_t race_time_ms = 0;
  std::int32_t modified_inputs_num = 0;
  std::int32_t inputs_min_time = 0;
  std::int32_t inputs_max_time = 0;
  std::int32_t max_steer_diff = 0;
  std::int32_t max_time_diff = 0;
  std::int32_t override_stop_time = 0;
  bool search_forever = false;
  bool inputs_extend_steer = false;
};

using ServerCall = std::variant<OnRegistered, Shutdown, OnRunStep, OnSimBegin, OnSimStep, OnSimEnd,
                                OnCheckpointCountChanged, OnLapsCountChanged, OnCustomCommand,
                                OnBruteforceEvaluate>;

// ---- calls of the client to the game

struct Register {
  static constexpr MessageType kType = MessageType::kRegister;
};
struct Deregister {
  static constexpr MessageType kType = MessageType::kDeregister;
};
struct ProcessedCall {
  static constexpr MessageType kType = MessageType::kProcessedCall;
  MessageType which = MessageType::kNone;
  // On the wire only when `which` is kOnBruteforceEvaluate.
  BruteforceDecision decision = BruteforceDecision::kContinue;
  std::int32_t rewind_time_ms = -1;
};
inline constexpr std::int32_t kLeaveDigital = -1;
inline constexpr std::int32_t kLeaveAnalog = 2147483647;
struct SetInputStates {
  static constexpr MessageType kType = MessageType::kSetInputStates;
  // kLeaveDigital, 0 or 1
  std::int32_t left = kLeaveDigital, right = kLeaveDigital, accelerate = kLeaveDigital,
               brake = kLeaveDigital;
  // kLeaveAnalog or a value
  std::int32_t steer = kLeaveAnalog, gas = kLeaveAnalog;
};
struct Respawn {
  static constexpr MessageType kType = MessageType::kRespawn;
};
struct GiveUp {
  static constexpr MessageType kType = MessageType::kGiveUp;
};
struct Horn {
  static constexpr MessageType kType = MessageType::kHorn;
};
struct SimRewindToState {
  static constexpr MessageType kType = MessageType::kSimRewindToState;
  std::span<const std::byte> state;  // a whole SimStateData; when decoded, the rest of the message
                                     // (trailing bytes included)
};
struct SimGetState {
  static constexpr MessageType kType = MessageType::kSimGetState;
};
struct SimGetEventBuffer {
  static constexpr MessageType kType = MessageType::kSimGetEventBuffer;
};
struct GetContextMode {
  static constexpr MessageType kType = MessageType::kGetContextMode;
};
struct SimSetEventBuffer {
  static constexpr MessageType kType = MessageType::kSimSetEventBuffer;
  EventBuffer buffer;  // all ten control indices are -1 on the wire
};
struct SimSetTimeLimit {
  static constexpr MessageType kType = MessageType::kSimSetTimeLimit;
  std::int32_t time_ms = -1;  // -1: the original limit
};
struct GetCheckpointState {
  static constexpr MessageType kType = MessageType::kGetCheckpointState;
};

struct CheckpointTime {
  std::int32_t time_ms = -1;  // -1: not passed yet
  std::int32_t stunts_score = 0;
  friend bool operator==(const CheckpointTime&, const CheckpointTime&) = default;
};
// Section 5.8 of the protocol: `states` has a flag for each checkpoint of one lap, `times` one
// entry for each pass needed in all.
struct CheckpointData {
  std::int32_t reserved = 0;
  std::vector<bool> states;
  std::vector<CheckpointTime> times;
  friend bool operator==(const CheckpointData&, const CheckpointData&) = default;
};
struct SetCheckpointState {
  static constexpr MessageType kType = MessageType::kSetCheckpointState;
  CheckpointData data;
};
struct SetGameSpeed {
  static constexpr MessageType kType = MessageType::kSetGameSpeed;
  double speed = 1;
};
struct ExecuteCommand {
  static constexpr MessageType kType = MessageType::kExecuteCommand;
  std::string command;
};
struct SetExecuteCommands {
  static constexpr MessageType kType = MessageType::kSetExecuteCommands;
  bool enable = true;
};
struct SetTimeout {
  static constexpr MessageType kType = MessageType::kSetTimeout;
  std::int32_t timeout_ms = 2000;  // -1: for ever
};
struct RemoveStateValidation {
  static constexpr MessageType kType = MessageType::kRemoveStateValidation;
};
struct PreventSimulationFinish {
  static constexpr MessageType kType = MessageType::kPreventSimulationFinish;
};
struct RegisterCustomCommand {
  static constexpr MessageType kType = MessageType::kRegisterCustomCommand;
  std::string command;  // no spaces
};
enum class LogSeverity : std::int32_t { kLog = 0, kSuccess = 1, kWarning = 2, kError = 3 };
struct Log {
  static constexpr MessageType kType = MessageType::kLog;
  LogSeverity severity = LogSeverity::kLog;
  std::string message;
};

using ClientCall =
    std::variant<Register, Deregister, ProcessedCall, SetInputStates, Respawn, GiveUp, Horn,
                 SimRewindToState, SimGetState, SimGetEventBuffer, GetContextMode,
                 SimSetEventBuffer, SimSetTimeLimit, GetCheckpointState, SetCheckpointState,
                 SetGameSpeed, ExecuteCommand, SetExecuteCommands, SetTimeout,
                 RemoveStateValidation, PreventSimulationFinish, RegisterCustomCommand, Log>;

// ---- the game's answer to a client call

// std::monostate: int32 0. The span is a SimStateData; when decoded it points into the bytes that
// were given.
struct Response {
  ErrorCode error = ErrorCode::kNone;
  std::variant<std::monostate, std::span<const std::byte>, EventBuffer, ContextMode, CheckpointData>
      content;
};

// ---- bytes

// Payload only (offset 8 on); the header is the mapped buffer's. Returns the payload size. Content
// that does not fit: what the protocol says, an empty vector where the message has one, and
// kResponseTooLong in `error`.
struct Encoded {
  std::size_t payload_size = 0;
  ErrorCode error = ErrorCode::kNone;
};
Encoded Encode(const ServerCall& call, std::span<std::byte> payload);
Encoded Encode(const ClientCall& call, std::span<std::byte> payload);
Encoded Encode(const Response& response, std::span<std::byte> payload);

MessageType TypeOf(const ServerCall& call);
MessageType TypeOf(const ClientCall& call);

// How many payload bytes the message takes, as far as its first bytes, `known`, tell: its fixed
// part and each vector whose count is known. Who copies a message out of the shared buffer asks
// again with that many bytes until the answer no longer grows. `request`: what a kResponse answers.
// A negative count is taken as 0 (decoding names it); the answer may lie beyond the buffer.
std::size_t PayloadNeeded(MessageType type, MessageType request, std::span<const std::byte> known);

// `payload` is everything after the header that may belong to the message: lengths are implied by
// the type and trailing bytes are ignored. Empty payloads (8-byte messages) are accepted where the
// message carries nothing.
std::variant<ServerCall, DecodeError> DecodeServerCall(MessageType type,
                                                       std::span<const std::byte> payload);
std::variant<ClientCall, DecodeError> DecodeClientCall(MessageType type,
                                                       std::span<const std::byte> payload);
std::variant<Response, DecodeError> DecodeResponse(MessageType request, ErrorCode error,
                                                   std::span<const std::byte> payload);

}  // namespace hotlap::tminterface
