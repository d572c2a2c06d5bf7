#include "transport/curve_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace hotlap::transport {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kZ85Length = 40;
constexpr std::size_t kKeyBytes = 32;
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

[[noreturn]] void Fail(const fs::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what);
}

void RequireCurve() {
  if (zmq_has("curve") == 0) {
    throw std::runtime_error("this libzmq was built without CURVE: it has no keys");
  }
}

std::string ReadKey(const fs::path& file) {
  RequireCurve();
  std::ifstream in(file);
  if (!in) Fail(file, "cannot read this key");
  std::array<char, kZ85Length + 3> text{};  // one more than a key and any line end
  in.read(text.data(), text.size());
  std::string key(text.data(), static_cast<std::size_t>(in.gcount()));
  while (key.ends_with('\n') || key.ends_with('\r')) key.pop_back();
  std::array<std::uint8_t, kKeyBytes> bytes{};
  if (key.size() != kZ85Length || zmq_z85_decode(bytes.data(), key.c_str()) == nullptr) {
    Fail(file, "holds no key: one of 40 characters, as hotlap-serve --generate-keys writes them");
  }
  return key;
}

void WriteKey(const fs::path& file, const std::string& key, mode_t mode) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) Fail(file, std::string("cannot be written: ") + std::strerror(errno));
  const std::string text = key + "\n";
  const bool is_written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (close(fd) != 0 || !is_written) Fail(file, "could not be written to its end");
}

bool IsClientName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && !name.starts_with('.') &&
         name.find_first_not_of(kNameCharacters) == std::string::npos;
}

struct NewPair {
  fs::path secret_file, public_file;
};

}  // namespace

KeyPair MakeKeyPair() {
  RequireCurve();
  std::array<char, kZ85Length + 1> public_key{}, secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    throw std::runtime_error(std::string("no keys could be made: ") + zmq_strerror(zmq_errno()));
  }
  return {public_key.data(), secret_key.data()};
}

std::string ReadPublicKey(const fs::path& file) { return ReadKey(file); }

KeyPair ReadKeyPair(const fs::path& secret_file) {
  struct stat status {};
  if (stat(secret_file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    Fail(secret_file, "is a secret that others may read: chmod 600 it");
  }
  KeyPair pair;
  pair.secret_key = ReadKey(secret_file);
  std::array<char, kZ85Length + 1> public_key{};
  if (zmq_curve_public(public_key.data(), pair.secret_key.c_str()) != 0) {
    Fail(secret_file, "holds no secret key");
  }
  pair.public_key = public_key.data();
  return pair;
}

ClientKeys ReadClientKeys(const fs::path& server_public_file, const fs::path& own_secret_file) {
  return {ReadPublicKey(server_public_file), ReadKeyPair(own_secret_file)};
}

std::vector<fs::path> GenerateKeys(const fs::path& directory,
                                   std::span<const std::string> clients) {
  const fs::path allowed = directory / "clients";
  std::vector<NewPair> pairs;
  if (!fs::exists(directory / "server.key")) {
    pairs.push_back({directory / "server.key", directory / "server.pub"});
  }
  for (const std::string& name : clients) {
    if (!IsClientName(name) || name == "server") {
      throw std::runtime_error("'" + name +
                               "' is no name of a client: 1 to 64 letters, digits, '.', '-' or "
                               "'_', without a '.' in front, and not 'server'");
    }
    if (std::ranges::count(clients, name) > 1) {
      throw std::runtime_error("'" + name + "' is named twice");
    }
    pairs.push_back({directory / (name + ".key"), allowed / (name + ".pub")});
  }
  for (const NewPair& pair : pairs) {
    for (const fs::path& file : {pair.secret_file, pair.public_file}) {
      if (fs::exists(file)) Fail(file, "is there already and is not overwritten");
    }
  }
  fs::create_directories(allowed);
  std::vector<fs::path> written;
  for (const NewPair& pair : pairs) {
    const KeyPair keys = MakeKeyPair();
    WriteKey(pair.secret_file, keys.secret_key, S_IRUSR | S_IWUSR);
    WriteKey(pair.public_file, keys.public_key, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    written.insert(written.end(), {pair.secret_file, pair.public_file});
  }
  return written;
}

std::string ToZ85(std::span<const std::byte> key) {
  std::array<char, kZ85Length + 1> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), kKeyBytes);
  return text.data();
}

void UseKeys(zmq::socket_t& socket, const ClientKeys& keys) {
  socket.set(zmq::sockopt::curve_serverkey, keys.server_key);
  socket.set(zmq::sockopt::curve_publickey, keys.own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
}

}  // namespace hotlap::transport
