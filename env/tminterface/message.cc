#include "env/tminterface/message.h"

#include <cstring>
#include <utility>

namespace hotlap::tminterface {
namespace {

constexpr std::array<std::string_view, 36> kNames = {
    "none",
    "S_RESPONSE",
    "S_ON_REGISTERED",
    "S_SHUTDOWN",
    "S_ON_RUN_STEP",
    "S_ON_SIM_BEGIN",
    "S_ON_SIM_STEP",
    "S_ON_SIM_END",
    "S_ON_CHECKPOINT_COUNT_CHANGED",
    "S_ON_LAPS_COUNT_CHANGED",
    "S_ON_CUSTOM_COMMAND",
    "S_ON_BRUTEFORCE_EVALUATE",
    "C_REGISTER",
    "C_DEREGISTER",
    "C_PROCESSED_CALL",
    "C_SET_INPUT_STATES",
    "C_RESPAWN",
    "C_GIVE_UP",
    "C_HORN",
    "C_SIM_REWIND_TO_STATE",
    "C_SIM_GET_STATE",
    "C_SIM_GET_EVENT_BUFFER",
    "C_GET_CONTEXT_MODE",
    "C_SIM_SET_EVENT_BUFFER",
    "C_SIM_SET_TIME_LIMIT",
    "C_GET_CHECKPOINT_STATE",
    "C_SET_CHECKPOINT_STATE",
    "C_SET_GAME_SPEED",
    "C_EXECUTE_COMMAND",
    "C_SET_EXECUTE_COMMANDS",
    "C_SET_TIMEOUT",
    "C_REMOVE_STATE_VALIDATION",
    "C_PREVENT_SIMULATION_FINISH",
    "C_REGISTER_CUSTOM_COMMAND",
    "C_LOG",
    "ANY",
};

}  // namespace

std::string_view MessageName(MessageType type) {
  const auto number = static_cast<std::size_t>(type);
  return number < kNames.size() ? kNames[number] : "unknown";
}

std::string_view ErrorName(ErrorCode error) {
  constexpr std::array<std::string_view, 6> kErrors = {
      "NONE",           "RESPONSE_TOO_LONG",         "CLIENT_ALREADY_REGISTERED", "NO_EVENT_BUFFER",
      "NO_PLAYER_INFO", "COMMAND_ALREADY_REGISTERED"};
  const auto number = static_cast<std::uint32_t>(error);
  return number < kErrors.size() ? kErrors[number] : "unknown";
}

MessageType TypeOf(const ServerCall& call) {
  return std::visit([](const auto& message) { return message.kType; }, call);
}

MessageType TypeOf(const ClientCall& call) {
  return std::visit([](const auto& message) { return message.kType; }, call);
}

// ---- Reader

std::span<const std::byte> Reader::Bytes(std::size_t size, std::string_view field) {
  if (error_) return {};
  if (size > remaining()) {
    Fail(field,
         "needs " + std::to_string(size) + " bytes, " + std::to_string(remaining()) + " left");
    return {};
  }
  const std::span<const std::byte> bytes = bytes_.subspan(position_, size);
  position_ += size;
  return bytes;
}

std::int32_t Reader::Int32(std::string_view field) {
  return static_cast<std::int32_t>(Uint32(field));
}

std::uint32_t Reader::Uint32(std::string_view field) {
  std::uint32_t value = 0;
  const std::span<const std::byte> bytes = Bytes(sizeof value, field);
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

bool Reader::Bool(std::string_view field) { return Uint32(field) != 0; }

double Reader::Double(std::string_view field) {
  double value = 0;
  const std::span<const std::byte> bytes = Bytes(sizeof value, field);
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string_view Reader::String(std::string_view field) {
  const std::size_t size = Count(1, field);
  const std::span<const std::byte> bytes = Bytes(size, field);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t Reader::Count(std::size_t element_size, std::string_view field) {
  const std::int32_t count = Int32(field);
  if (error_) return 0;
  if (count < 0) {
    Fail(field, "count " + std::to_string(count) + " is negative");
    return 0;
  }
  const auto elements = static_cast<std::uint64_t>(count);
  if (elements * element_size > remaining()) {
    Fail(field, std::to_string(count) + " elements need " +
                    std::to_string(elements * element_size) + " bytes, " +
                    std::to_string(remaining()) + " left");
    return 0;
  }
  return static_cast<std::size_t>(count);
}

void Reader::Fail(std::string_view field, std::string text) {
  if (!error_) error_ = DecodeError{std::string(field), std::move(text)};
}

// ---- Writer

void Writer::Bytes(std::span<const std::byte> bytes) {
  if (overflow_ || bytes.size() > buffer_.size() - position_) {
    overflow_ = true;
    return;
  }
  if (!bytes.empty()) std::memcpy(buffer_.data() + position_, bytes.data(), bytes.size());
  position_ += bytes.size();
}

void Writer::Int32(std::int32_t value) { Bytes(std::as_bytes(std::span(&value, 1))); }
void Writer::Uint32(std::uint32_t value) { Bytes(std::as_bytes(std::span(&value, 1))); }
void Writer::Bool(bool value) { Int32(value ? 1 : 0); }
void Writer::Double(double value) { Bytes(std::as_bytes(std::span(&value, 1))); }

void Writer::String(std::string_view value) {
  Int32(static_cast<std::int32_t>(value.size()));
  Bytes(std::as_bytes(std::span(value)));
}

}  // namespace hotlap::tminterface
