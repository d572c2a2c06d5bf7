// The golden vectors of tests/data/vectors: bytes of the official client, and how they are read.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "env/tminterface/message.h"

namespace hotlap::tminterface {

using Bytes = std::vector<std::byte>;

inline std::ifstream OpenVector(const std::string& file) {
  std::ifstream in(std::string(HOTLAP_SOURCE_DIR) + "/tests/data/vectors/" + file,
                   std::ios::binary);
  EXPECT_TRUE(in.good()) << file;
  return in;
}

inline nlohmann::json VectorJson(const std::string& file) {
  std::ifstream in = OpenVector(file);
  return nlohmann::json::parse(in);
}

inline Bytes VectorBytes(const std::string& file) {
  std::ifstream in = OpenVector(file);
  Bytes bytes;
  for (auto it = std::istreambuf_iterator<char>(in); it != std::istreambuf_iterator<char>(); ++it) {
    bytes.push_back(static_cast<std::byte>(*it));
  }
  return bytes;
}

inline Bytes FromHex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline std::string ToHex(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte b : bytes) {
    hex += kDigits[std::to_integer<int>(b) >> 4];
    hex += kDigits[std::to_integer<int>(b) & 15];
  }
  return hex;
}

// The bytes of a vector's message: in its file, or its hex.
inline Bytes MessageBytes(const nlohmann::json& vector) {
  return vector.contains("file") ? VectorBytes(vector["file"]) : FromHex(vector["hex"]);
}

inline MessageType TypeOfBytes(std::span<const std::byte> message) {
  return static_cast<MessageType>(message[0]);
}
inline ErrorCode ErrorOfBytes(std::span<const std::byte> message) {
  ErrorCode error{};
  std::memcpy(&error, message.data() + 4, sizeof error);
  return error;
}
inline std::span<const std::byte> PayloadOfBytes(std::span<const std::byte> message) {
  return message.subspan(kHeaderSize);
}

// Header and payload as the message stands in a buffer of `size` bytes.
template <class Message>
Bytes EncodeWhole(MessageType type, const Message& message, std::size_t size = kDefaultBufferSize) {
  Bytes bytes(size);
  const Encoded encoded = Encode(message, std::span(bytes).subspan(kHeaderSize));
  bytes[0] = static_cast<std::byte>(type);
  bytes[1] = std::byte{0xFF};
  std::memcpy(bytes.data() + 4, &encoded.error, sizeof encoded.error);
  bytes.resize(kHeaderSize + encoded.payload_size);
  return bytes;
}
inline Bytes EncodeWhole(const ServerCall& call) { return EncodeWhole(TypeOf(call), call); }
inline Bytes EncodeWhole(const ClientCall& call) { return EncodeWhole(TypeOf(call), call); }
inline Bytes EncodeWhole(const Response& response) {
  return EncodeWhole(MessageType::kResponse, response);
}

// Decode that must work.
template <class Message>
Message Decoded(const std::variant<Message, DecodeError>& result) {
  const DecodeError* error = std::get_if<DecodeError>(&result);
  if (error == nullptr) return std::get<Message>(result);
  ADD_FAILURE() << error->ToString();
  return {};
}

// The call that the official client was asked for or made in a vector.
inline CheckpointData CheckpointsFromJson(const nlohmann::json& json) {
  CheckpointData data;
  for (const auto& state : json["cp_states"]) {
    data.states.push_back(state.is_boolean() ? state.get<bool>() : state.get<int>() != 0);
  }
  for (const auto& time : json["cp_times"]) data.times.push_back({time[0], time[1]});
  return data;
}

inline std::vector<Event> EventsFromJson(const nlohmann::json& json) {
  std::vector<Event> events;
  for (const auto& event : json) events.push_back({event[0], event[1]});
  return events;
}

// Control indices by a list of the controls' names.
inline EventBuffer LayoutFromNames(const nlohmann::json& names) {
  EventBuffer layout;
  for (std::size_t index = 0; index < names.size(); ++index) {
    for (int control = 0; control < kNumControls; ++control) {
      if (names[index].is_string() &&
          names[index].get<std::string>() == ControlName(static_cast<Control>(control))) {
        layout.control_index[static_cast<std::size_t>(control)] = static_cast<std::int32_t>(index);
      }
    }
  }
  return layout;
}

}  // namespace hotlap::tminterface
