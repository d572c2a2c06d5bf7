// Targets of the network: headers of requests and replies, questions of ZeroMQ, lists of addresses.
#include <optional>
#include <stdexcept>

#include "env/sim/track.h"
#include "tests/fuzz/fuzz_target.h"
#include "transport/address_list.h"
#include "transport/catalogue.h"
#include "transport/protocol.h"
#include "transport/replies.h"
#include "transport/service_replies.h"
#include "transport/states_reply.h"
#include "transport/track_reply.h"
#include "transport/zap.h"

namespace hotlap::fuzz {
namespace {

using namespace transport;

std::span<const std::byte> Frame(const std::string& text) { return std::as_bytes(std::span(text)); }

Request RequestOf(Operation operation) {
  Request request;
  request.operation = operation;
  request.id = 7;
  request.key.fill(std::byte{1});
  if (operation != Operation::kHello) request.token.emplace().fill(std::byte{2});
  request.rows = 4;
  request.count = 2;
  return request;
}

}  // namespace

// What was read is written so that it reads the same.
void RunRequest(std::span<const std::byte> input) {
  const auto request = DecodeRequest(input);
  if (!request) {
    Require(request.error().refusal.status != Status::kOk, "a refusal has a status");
    Require(!request.error().refusal.text.empty(), "a refusal says why");
    return;
  }
  const std::string encoded = EncodeRequest(*request);
  const auto again = DecodeRequest(Frame(encoded));
  Require(again.has_value(), "a request that was read can be written and read");
  Require(EncodeRequest(*again) == encoded, "it is the same then");
}

std::vector<Bytes> RequestSeeds() {
  std::vector<Bytes> seeds;
  for (int i = 0; i < kNumOperations; ++i) {
    Request request = RequestOf(static_cast<Operation>(i));
    if (request.operation == Operation::kSpec || request.operation == Operation::kAttach) {
      request.environment = "default";
    }
    if (request.operation == Operation::kAttach) {
      request.tracks = {"oval", "hairpins"};
      request.info = {"ticks"};
      request.policy_hash = 1;
      request.keep_every_m = 50;
      request.starts = Starts{};
      request.observations = ObservationType::kFloat16;
    }
    request.close = request.operation == Operation::kDetach;
    seeds.push_back(BytesOf(EncodeRequest(request)));
  }
  return seeds;
}

void RunReply(std::span<const std::byte> input) {
  if (const auto status = DecodeReplyStatus(input)) {
    const std::string encoded = EncodeReply(*status);
    Require(DecodeReplyStatus(Frame(encoded)).has_value(), "a status can be written and read");
  }
  if (const auto hello = DecodeHelloReply(input)) {
    const std::string encoded = EncodeReply(1, *hello);
    Require(DecodeHelloReply(Frame(encoded)).has_value(), "a hello can be written and read");
  }
  if (const auto attach = DecodeAttachReply(input)) {
    const std::string encoded = EncodeReply(1, *attach);
    Require(DecodeAttachReply(Frame(encoded)).has_value(), "an attach can be written and read");
  }
  if (const auto spec = DecodeSpecReply(input)) {
    const std::string encoded = EncodeReply(1, *spec);
    Require(DecodeSpecReply(Frame(encoded)).has_value(), "a spec can be written and read");
  }
}

// Lists and counters of the server.
void RunServiceReply(std::span<const std::byte> input) {
  const auto is_page = [](const auto& page, auto decode) {
    const auto again = decode(Frame(EncodeReply(1, std::span(page.items), page.next)));
    return again && again->items.size() == page.items.size() && again->next == page.next;
  };
  const auto is_list = [](const auto& list, auto decode) {
    const auto again = decode(Frame(EncodeReply(1, std::span(list))));
    return again && again->size() == list.size();
  };
  if (const auto page = DecodeSessionsReply(input)) {
    Require(is_page(*page, DecodeSessionsReply), "sessions can be written and read");
  }
  if (const auto page = DecodeInstancesReply(input)) {
    Require(is_page(*page, DecodeInstancesReply), "instances can be written and read");
  }
  if (const auto lines = DecodeLogsReply(input)) {
    Require(is_list(*lines, DecodeLogsReply), "logs can be written and read");
  }
  if (const auto messages = DecodeMessagesReply(input)) {
    Require(is_list(*messages, DecodeMessagesReply), "messages can be written and read");
  }
  if (const auto stats = DecodeStatsReply(input)) {
    const std::string encoded = EncodeReply(1, *stats);
    Require(DecodeStatsReply(Frame(encoded)).has_value(), "stats can be written and read");
  }
}

std::vector<Bytes> ServiceReplySeeds() {
  const std::vector<ListedSession> sessions = {
      {.number = 1, .session = "s000001", .nick = "J\xc3\xbcrgen", .rank = 2, .seconds = 1.5},
      {.number = 7, .session = "s000007", .nick = {}, .rank = 1, .rows = 8, .steps = 1000}};
  const std::vector<ListedInstance> instances = {
      {.number = 0,
       .kind = GameKind::kTMInterface,
       .health = {GameCondition::kRestarting, 1, 0, {}}},
      {.number = 65536, .session = "s000001", .track = "oval", .ticks = 15, .speed = 12.5}};
  const std::vector<LogLine> lines = {{.number = 1, .time_ms = 1, .text = "one"},
                                      {.number = 2, .level = LogLevel::kError, .text = "two"}};
  const std::vector<PostedMessage> messages = {
      {.number = 1, .time_ms = 1, .session = "s000001", .nick = "a", .text = "hello"}};
  return {BytesOf(EncodeReply(7, sessions, 9)), BytesOf(EncodeReply(7, instances, 0)),
          BytesOf(EncodeReply(7, lines)), BytesOf(EncodeReply(7, messages)),
          BytesOf(EncodeReply(7, ServerStats{}))};
}

// Frames of a reply that has arrays.
void RunArrayReply(std::span<const std::byte> input) {
  std::vector<zmq::message_t> frames;
  for (const auto frame : Messages(input)) frames.emplace_back(frame.data(), frame.size());
  if (frames.empty()) frames.emplace_back();
  const std::size_t count = frames.size() > 1 ? frames[1].size() : 0;
  if (const auto states = DecodeStatesReply(frames, count)) {
    const Reply encoded = MakeStatesReply(1, *states);
    Require(DecodeStatesReply(encoded.frames, count).has_value(), "states can be written and read");
  }
  if (const auto track = DecodeTrackReply(frames)) {
    Require(track->points.size() == frames[1].size() / sizeof(Vec3), "a track has all its points");
  }
}

std::vector<Bytes> ArrayReplySeeds() {
  const auto joined = [](const Reply& reply) {
    std::vector<Bytes> frames;
    for (const zmq::message_t& frame : reply.frames) frames.push_back(BytesOf(frame.to_string()));
    return Joined(frames);
  };
  sim::TrackSpec spec;
  spec.name = "road";
  spec.line = sim::PlainRoad(std::vector<Vec3>{{0, 0, 0}, {0, 0, 40}});
  const OfferedTrack track{
      .name = "road", .file = {}, .track = sim::Track::Build(spec), .centreline = nullptr};
  return {joined(MakeStatesReply(7, InstanceStates{RowState{}, std::nullopt})),
          joined(MakeTrackReply(7, track, sim::VehicleParams{}))};
}

std::vector<Bytes> ReplySeeds() {
  HelloReply hello;
  hello.session = "s000001";
  hello.session_timeout_ms = 5000;
  hello.window = 4;
  hello.max_rows = 8192;
  hello.max_transfer_bytes = 4 << 20;
  hello.environments = {"default"};
  hello.policy_hashes = {1};
  hello.task_hashes = {2};
  hello.tracks = {"oval", "hairpins"};
  AttachReply attach;
  attach.rows = 4;
  attach.observation_size = 195;
  attach.info = {"ticks", "progress"};
  attach.info_types = {InfoType::kInt32, InfoType::kFloat32};
  attach.kinds = {"simulated"};
  attach.kind_rows = {4};
  return {BytesOf(EncodeReply({7, Status::kOk, {}})),
          BytesOf(EncodeReply({7, Status::kBusy, "field 'id'"})), BytesOf(EncodeReply(7, hello)),
          BytesOf(EncodeReply(7, attach)), BytesOf(EncodeReply(7, MakeSpec(EnvironmentConfig{})))};
}

void RunZap(std::span<const std::byte> input) {
  const auto frames = Messages(input);
  const auto request = ParseZapRequest(frames);
  if (!request) return Require(!request.error().empty(), "a refusal says why");
  Require(!request->is_curve || request->public_key.size() == 32, "a key has 32 bytes");
  Require(ZapAnswerFrames(*request, {}).size() == 6, "an answer has six frames");
}

std::vector<Bytes> ZapSeeds() {
  const Bytes version = BytesOf("1.0"), id = BytesOf("1"), domain = BytesOf("hotlap");
  const std::vector<Bytes> curve = {version,          id,       domain, BytesOf("192.0.2.7"), {},
                                    BytesOf("CURVE"), Bytes(32)};
  const std::vector<Bytes> none = {version, id, domain, BytesOf("::1"), {}, BytesOf("NULL")};
  return {Joined(curve), Joined(none)};
}

// The first line is an address, the list follows.
void RunAddressList(std::span<const std::byte> input) {
  const std::string_view text = TextOf(input);
  const std::string_view address = text.substr(0, text.find('\n'));
  try {
    AddressList::Parse(text, "list").Contains(address);
    Require(AddressList::Parse("0.0.0.0/0\n::/0", "list").Contains(address) ||
                !AddressList::Parse(text, "list").Contains(address),
            "what is in a list is an address");
  } catch (const std::runtime_error& error) {
    Require(std::string_view(error.what()).starts_with("list"), "an error names the file");
  }
}

std::vector<Bytes> AddressListSeeds() {
  return {BytesOf("192.0.2.7\n192.0.2.0/24 # a network\n\n2001:db8::/32\n"),
          BytesOf("2001:db8::1\r\n::ffff:192.0.2.7\n0.0.0.0/0\n::/0\nfe80::1%eth0\n")};
}

}  // namespace hotlap::fuzz
