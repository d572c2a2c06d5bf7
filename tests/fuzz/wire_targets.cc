// Targets of the network: headers of requests and replies, questions of ZeroMQ, lists of addresses.
#include <stdexcept>

#include "tests/fuzz/fuzz_target.h"
#include "transport/address_list.h"
#include "transport/protocol.h"
#include "transport/replies.h"
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
