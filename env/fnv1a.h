// 64-bit FNV-1a: a hash of fields that is equal on every machine. No defence against an enemy.
#pragma once

#include <bit>
#include <cstdint>

namespace hotlap {

class Fnv1a {
 public:
  void AddByte(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001B3u; }
  // Numbers byte by byte, the lowest first.
  void Add(std::uint32_t number) { AddBytes(number, 4); }
  void Add(std::uint64_t number) { AddBytes(number, 8); }
  void Add(std::int32_t number) { Add(static_cast<std::uint32_t>(number)); }
  void Add(float number) { Add(std::bit_cast<std::uint32_t>(number)); }
  std::uint64_t value() const { return value_; }

 private:
  void AddBytes(std::uint64_t number, int count) {
    for (int i = 0; i < count; ++i) AddByte(static_cast<std::uint8_t>(number >> (8 * i)));
  }
  std::uint64_t value_ = 0xCBF29CE484222325u;
};

}  // namespace hotlap
