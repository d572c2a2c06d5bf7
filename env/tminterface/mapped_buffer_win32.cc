// The mapped buffer as a named file mapping. It lives as long as anybody, a client included, has it
// open; so a game of ours marks itself alive with a named event that nobody else keeps open.
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <algorithm>
#include <system_error>

#include "env/tminterface/mapped_buffer.h"

namespace hotlap::tminterface {
namespace {

constexpr std::intptr_t kSeenAlive = 1;  // life_ of a client: its game had the mark when it opened

std::string LifeName(const std::string& name) { return name + ".alive"; }

HANDLE ToHandle(std::intptr_t value) { return reinterpret_cast<HANDLE>(value); }
std::intptr_t FromHandle(HANDLE handle) { return reinterpret_cast<std::intptr_t>(handle); }

bool HasLifeMark(const std::string& name) {
  const HANDLE mark = ::OpenEventA(SYNCHRONIZE, FALSE, LifeName(name).c_str());
  if (mark == nullptr) return false;
  ::CloseHandle(mark);
  return true;
}

// Bytes that are mapped at `base`: whole pages.
std::size_t MappedSize(const void* base) {
  MEMORY_BASIC_INFORMATION information{};
  return ::VirtualQuery(base, &information, sizeof information) == 0 ? 0 : information.RegionSize;
}

std::size_t InPages(std::size_t size) {
  SYSTEM_INFO information{};
  ::GetSystemInfo(&information);
  const std::size_t page = information.dwPageSize;
  return (size + page - 1) / page * page;
}

[[noreturn]] void Throw(const std::string& name, const char* what) {
  throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(),
                          "file mapping " + name + ": " + what);
}

}  // namespace

std::optional<MappedBuffer> MappedBuffer::TryCreate(const std::string& name, std::size_t size) {
  const HANDLE mark = ::CreateEventA(nullptr, TRUE, FALSE, LifeName(name).c_str());
  const bool marked_before = ::GetLastError() == ERROR_ALREADY_EXISTS;
  if (mark == nullptr) Throw(name, "cannot be marked as alive");
  MappedBuffer buffer;
  buffer.name_ = name;
  buffer.size_ = size;
  buffer.is_game_ = true;
  buffer.life_ = FromHandle(mark);
  if (marked_before) return std::nullopt;

  const HANDLE mapping = ::CreateFileMappingA(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0,
                                              static_cast<DWORD>(size), name.c_str());
  if (mapping == nullptr) Throw(name, "cannot be made");
  buffer.handle_ = FromHandle(mapping);
  void* base = ::MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, size);
  // Clients of a game that died keep its object, in the size that it had.
  if (base == nullptr || MappedSize(base) != InPages(size)) {
    if (base != nullptr) ::UnmapViewOfFile(base);
    return std::nullopt;
  }
  buffer.Map(base);
  return buffer;
}

std::optional<MappedBuffer> MappedBuffer::Open(const std::string& name, std::size_t size,
                                               std::string& why_not) {
  const HANDLE mapping = ::OpenFileMappingA(FILE_MAP_ALL_ACCESS, FALSE, name.c_str());
  if (mapping == nullptr) {
    why_not = "file mapping " + name + ": " +
              std::system_category().message(static_cast<int>(::GetLastError()));
    return std::nullopt;
  }
  MappedBuffer buffer;
  buffer.name_ = name;
  buffer.size_ = size;
  buffer.handle_ = FromHandle(mapping);
  buffer.life_ = HasLifeMark(name) ? kSeenAlive : -1;
  void* base = ::MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, 0);
  if (base == nullptr || size < kHeaderSize || MappedSize(base) != InPages(size)) {
    why_not = "file mapping " + name + " has not " + std::to_string(size) + " bytes";
    if (base != nullptr) ::UnmapViewOfFile(base);
    return std::nullopt;
  }
  buffer.Map(base);
  return buffer;
}

void MappedBuffer::Release() {
  if (base_ != nullptr) ::UnmapViewOfFile(base_);
  if (handle_ != -1) ::CloseHandle(ToHandle(handle_));
  if (is_game_ && life_ != -1) ::CloseHandle(ToHandle(life_));
  base_ = nullptr;
  handle_ = -1;
  life_ = -1;
}

bool MappedBuffer::game_alive() const {
  return is_game_ || life_ != kSeenAlive || HasLifeMark(name_);
}

void MappedBuffer::MeetGame() {
  if (!is_game_ && HasLifeMark(name_)) life_ = kSeenAlive;
}

void Backoff::YieldOnce() { ::SwitchToThread(); }

void Backoff::SleepFor(std::chrono::nanoseconds duration) {
  // Rounded up to whole milliseconds: 0 would be a yield.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  ::Sleep(static_cast<DWORD>(ms));
}

}  // namespace hotlap::tminterface
