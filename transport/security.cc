#include "transport/security.h"

#include <arpa/inet.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kLookInterval = 1s;
constexpr std::string_view kDomain = "hotlap";
constexpr std::string_view kTcp = "tcp://";
constexpr const char* kUserId = "User-Id";
constexpr const char* kPeerAddress = "Peer-Address";

std::string PeerProperty(const zmq::message_t& frame, const char* name) {
  const char* text = zmq_msg_gets(frame.handle(), name);
  return text == nullptr ? std::string() : std::string(text);
}

// tcp://[::1]:5555 is of ::1.
std::string HostOf(const std::string& endpoint) {
  std::string host = endpoint.substr(kTcp.size());
  host = host.substr(0, host.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// What changes when a file is written or replaced, or a folder gets or loses one.
void AppendSignature(const fs::path& path, std::string& signature) {
  struct stat status {};
  if (path.empty() || stat(path.c_str(), &status) != 0) return;
  for (const auto part :
       {static_cast<std::int64_t>(status.st_ino), static_cast<std::int64_t>(status.st_size),
        static_cast<std::int64_t>(status.st_mtim.tv_sec),
        static_cast<std::int64_t>(status.st_mtim.tv_nsec)}) {
    signature += std::to_string(part) + " ";
  }
}

std::vector<fs::path> PublicKeyFiles(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".pub") files.push_back(it->path());
  }
  if (error) throw std::runtime_error(folder.string() + ": cannot read this folder of keys");
  std::ranges::sort(files);
  return files;
}

}  // namespace

bool IsLocal(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://") || endpoint.starts_with("inproc://")) return true;
  if (!endpoint.starts_with(kTcp)) return false;
  const std::string host = HostOf(endpoint);
  in_addr ipv4{};
  in6_addr ipv6{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6) != 0;
  return host == "localhost" || host == "lo";
}

void CheckEndpoints(std::span<const std::string> endpoints, const SecuritySettings& settings) {
  if (settings.has_curve()) return;
  for (const std::string& endpoint : endpoints) {
    if (IsLocal(endpoint)) continue;
    if (!settings.is_insecure) {
      throw std::runtime_error(
          endpoint +
          ": other machines can reach this endpoint, and nothing asks them for a key; allowed: "
          "keys (security: {server_key, allowed_clients}), loopback or ipc://, or --insecure");
    }
    spdlog::warn("{}: whoever reaches this endpoint may use the server: it asks for no key",
                 endpoint);
  }
}

std::string PeerAddress(const zmq::message_t& frame) { return PeerProperty(frame, kPeerAddress); }

Admission::Admission(zmq::context_t& context, SecuritySettings settings, AccessLog* log)
    : settings_(std::move(settings)), log_(log) {
  if (settings_.has_curve()) keys_ = ReadKeyPair(settings_.server_key);
  signature_ = Signature();
  lists_ = Load();
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  try {
    Uninterrupted([&] { socket.bind(std::string(kZapEndpoint)); });
  } catch (const zmq::error_t& error) {
    throw std::runtime_error(
        std::string(kZapEndpoint) +
        ": another server of this ZeroMQ context answers here already: " + error.what());
  }
  thread_ = std::thread([this, socket = std::move(socket)]() mutable { Run(std::move(socket)); });
}

Admission::~Admission() { Stop(); }

void Admission::Stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  wakeup_.Wake();
  thread_.join();
}

void Admission::Guard(zmq::socket_t& socket) const {
  socket.set(zmq::sockopt::zap_domain, std::string(kDomain));
  if (!keys_) return;
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys_->secret_key);
}

bool Admission::Admits(const zmq::message_t& frame) const {
  const std::string address = PeerAddress(frame), user = PeerProperty(frame, kUserId);
  const std::lock_guard lock(mutex_);
  if (lists_.blocked.Contains(address)) return false;
  // Whoever came by a handshake has the name of a key; who has neither, by inproc://, had none.
  const bool is_inproc = address.empty() && user.empty();
  return !keys_ || is_inproc || lists_.names.contains(user);
}

std::string Admission::ClientName(const zmq::message_t& frame) const {
  const std::string user = PeerProperty(frame, kUserId);
  const std::lock_guard lock(mutex_);
  const auto found = lists_.names.find(user);
  return found == lists_.names.end() ? std::string() : found->second;
}

Admission::Lists Admission::Load() const {
  Lists lists;
  if (!settings_.blocked.empty()) lists.blocked = AddressList::Load(settings_.blocked);
  if (!settings_.has_curve()) return lists;
  for (const fs::path& file : PublicKeyFiles(settings_.allowed_clients)) {
    lists.names.emplace(ReadPublicKey(file), file.stem().string());
  }
  return lists;
}

std::string Admission::Signature() const {
  std::string signature;
  AppendSignature(settings_.blocked, signature);
  if (!settings_.has_curve()) return signature;
  AppendSignature(settings_.allowed_clients, signature);
  std::error_code error;
  for (fs::directory_iterator it(settings_.allowed_clients, error), end; !error && it != end;
       it.increment(error)) {
    AppendSignature(it->path(), signature);
  }
  return signature;
}

void Admission::LookForChanges(bool is_asked) {
  std::string signature = Signature();
  if (!is_asked && signature == signature_) return;
  signature_ = std::move(signature);
  try {
    Lists lists = Load();
    {
      const std::lock_guard lock(mutex_);
      std::swap(lists_, lists);  // the old ones go when nobody waits for the lock
    }
    num_reloads_.fetch_add(1);
    spdlog::info("read the lists of who may connect again");
  } catch (const std::exception& error) {
    spdlog::error("who may connect stays as it was: {}", error.what());
  }
}

void Admission::Run(zmq::socket_t socket) {
  Deadline next_look = DeadlineIn(kLookInterval);
  while (!stopping_.load()) {
    zmq::pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}};
    Poll(items, next_look);
    const bool is_asked = wakeup_.Take() && !stopping_.load();
    if (is_asked || Clock::now() >= next_look) {
      LookForChanges(is_asked);
      next_look = DeadlineIn(kLookInterval);
    }
    AnswerAll(socket);
  }
}

void Admission::AnswerAll(zmq::socket_t& socket) {
  zmq::message_t frame;
  while (ReceiveFrame(socket, frame)) {
    std::vector<zmq::message_t> frames;
    frames.push_back(std::move(frame));
    while (frames.back().more()) {
      if (zmq::message_t next; ReceiveFrame(socket, next)) frames.push_back(std::move(next));
    }
    std::vector<std::span<const std::byte>> bytes;
    bytes.reserve(frames.size());
    for (const zmq::message_t& one : frames) bytes.push_back(BytesOf(one));
    const auto request = ParseZapRequest(bytes);
    if (!request) spdlog::error("a question of ZeroMQ is not understood: {}", request.error());
    const auto answer = request ? ZapAnswerFrames(*request, Judge(*request))
                                : ZapAnswerFrames(ZapRequest{}, ZapAnswer{});
    for (std::size_t i = 0; i < answer.size(); ++i) {
      SendFrame(socket, zmq::message_t(answer[i].data(), answer[i].size()), i + 1 < answer.size());
    }
  }
}

ZapAnswer Admission::Judge(const ZapRequest& request) {
  ZapAnswer answer;
  if (request.is_curve) answer.user = ToZ85(request.public_key);
  {
    const std::lock_guard lock(mutex_);
    answer.is_admitted = request.is_curve == keys_.has_value() &&
                         !lists_.blocked.Contains(request.address) &&
                         (!request.is_curve || lists_.names.contains(answer.user));
  }
  if (!answer.is_admitted && log_ != nullptr) {
    log_->Write({.event = "turned_away", .address = request.address});
  }
  return answer;
}

}  // namespace hotlap::transport
