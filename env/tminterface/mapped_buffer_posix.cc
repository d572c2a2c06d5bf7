// The mapped buffer as POSIX shared memory; its game holds an open-file-description lock on the
// first byte. Such a lock belongs to one opening of the file: it dies with the process, excludes
// two games of one process too, and can be asked for without being taken. A second one, on a byte
// far behind the end, tells by its place whose tenure it is: two games never have the same.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

#include "env/tminterface/mapped_buffer.h"

namespace hotlap::tminterface {
namespace {

std::string ObjectName(const std::string& name) { return "/" + name; }

struct flock Lock(short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

constexpr off_t kLife = 0;        // the byte that excludes a second game
constexpr off_t kTenures = 1;     // from here on, without end: the bytes of tenures
constexpr off_t kWithoutEnd = 0;  // a length

// REQUIRES: the life of the file is locked, so that nobody else begins one. The clock has moved on
// since the last one: its game had to be started in between.
bool BeginTenure(int fd) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const off_t number = off_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  struct flock lock = Lock(F_WRLCK, kTenures + number, 1);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

// Of the game that holds the file; -1: nobody does.
off_t TenureOf(int fd) {
  struct flock lock = Lock(F_WRLCK, kTenures, kWithoutEnd);
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return -1;
  return lock.l_start;
}

// A file descriptor that is closed unless it is kept.
class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int Keep() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Whether the name still leads to the object that `fd` has open.
bool NameIsOf(const std::string& name, int fd) {
  const OpenFile named(::shm_open(ObjectName(name).c_str(), O_RDONLY | O_CLOEXEC, 0));
  struct stat theirs {
  }, ours{};
  return named.get() >= 0 && ::fstat(named.get(), &theirs) == 0 && ::fstat(fd, &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

[[noreturn]] void Throw(const std::string& name, const char* what) {
  throw std::system_error(errno, std::generic_category(), "shared memory " + name + ": " + what);
}

}  // namespace

std::optional<MappedBuffer> MappedBuffer::TryCreate(const std::string& name, std::size_t size) {
  const std::string object = ObjectName(name);
  for (;;) {
    OpenFile file(::shm_open(object.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (file.get() < 0) {
      if (errno == EACCES) return std::nullopt;
      Throw(name, "cannot be opened");
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) Throw(name, "has no status");
    if (status.st_uid != ::geteuid()) return std::nullopt;

    struct flock life = Lock(F_WRLCK, kLife, 1);
    if (::fcntl(file.get(), F_OFD_SETLK, &life) != 0) {
      if (errno != EAGAIN && errno != EACCES) Throw(name, "cannot be locked");
      if (NameIsOf(name, file.get())) return std::nullopt;
      continue;  // its game has just removed the name
    }
    // Between the opening and the lock a game may have removed the name and another made it anew.
    if (!NameIsOf(name, file.get())) continue;

    if (::fstat(file.get(), &status) != 0) Throw(name, "has no status");
    const auto wanted = static_cast<off_t>(size);
    if (status.st_size != 0 && status.st_size != wanted) {
      // Whoever maps the old object expects another size: it stays theirs, without a name.
      ::shm_unlink(object.c_str());
      continue;
    }
    if (status.st_size == 0 && ::ftruncate(file.get(), wanted) != 0) Throw(name, "cannot grow");
    if (::fchmod(file.get(), 0600) != 0) Throw(name, "cannot be given mode 0600");
    if (!BeginTenure(file.get())) Throw(name, "cannot be locked");
    void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (base == MAP_FAILED) Throw(name, "cannot be mapped");

    MappedBuffer buffer;
    buffer.name_ = name;
    buffer.size_ = size;
    buffer.is_game_ = true;
    buffer.handle_ = file.Keep();
    buffer.Map(base);
    return buffer;
  }
}

std::optional<MappedBuffer> MappedBuffer::Open(const std::string& name, std::size_t size,
                                               std::string& why_not) {
  OpenFile file(::shm_open(ObjectName(name).c_str(), O_RDWR | O_CLOEXEC, 0));
  if (file.get() < 0) {
    why_not = "shared memory " + name + ": " + std::generic_category().message(errno);
    return std::nullopt;
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || status.st_uid != ::geteuid()) {
    why_not = "shared memory " + name + " belongs to another user";
    return std::nullopt;
  }
  if (size < kHeaderSize || status.st_size != static_cast<off_t>(size)) {
    why_not = "shared memory " + name + " has " + std::to_string(status.st_size) + " bytes, not " +
              std::to_string(size);
    return std::nullopt;
  }
  MappedBuffer buffer;
  buffer.name_ = name;
  buffer.size_ = size;
  buffer.life_ = TenureOf(file.get());
  buffer.handle_ = file.Keep();
  if (buffer.life_ < 0) {
    why_not = "shared memory " + name + " was left behind: no living game holds it";
    return std::nullopt;
  }
  void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                      static_cast<int>(buffer.handle_), 0);
  if (base == MAP_FAILED) {
    why_not = "shared memory " + name + ": " + std::generic_category().message(errno);
    return std::nullopt;
  }
  buffer.Map(base);
  return buffer;
}

void MappedBuffer::Release() {
  const int fd = static_cast<int>(handle_);
  if (fd < 0) return;
  if (is_game_) {
    // Nobody can take the name over while the lock is held.
    if (NameIsOf(name_, fd)) ::shm_unlink(ObjectName(name_).c_str());
    struct flock all =
        Lock(F_UNLCK, 0, kWithoutEnd);  // also where a forked child inherited the file
    ::fcntl(fd, F_OFD_SETLK, &all);
  }
  if (base_ != nullptr) ::munmap(base_, size_);
  ::close(fd);
  base_ = nullptr;
  handle_ = life_ = -1;
}

bool MappedBuffer::game_alive() const {
  return is_game_ || (life_ >= 0 && TenureOf(static_cast<int>(handle_)) == life_);
}

void MappedBuffer::MeetGame() {
  if (!is_game_) life_ = TenureOf(static_cast<int>(handle_));
}

void Backoff::YieldOnce() { ::sched_yield(); }

void Backoff::SleepFor(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const std::timespec time{static_cast<std::time_t>(seconds.count()),
                           static_cast<long>((duration - seconds).count())};
  ::nanosleep(&time, nullptr);
}

}  // namespace hotlap::tminterface
