#include "transport/replies.h"

#include <algorithm>
#include <array>

#include "transport/header.h"
#include "transport/header_reader.h"

namespace hotlap::transport {
namespace {

constexpr std::size_t kMaxTextBytes = 4096;
static_assert(kMaxSettingsBytes <= kMaxTextBytes);

HeaderWriter Begin(std::uint64_t id) {
  HeaderWriter writer;
  writer.Unsigned("id", id).Signed("status", 0);
  return writer;
}

// The fields of a list of structs, one list per member.
template <typename T, typename Member>
std::vector<Member> Column(const std::vector<T>& items, Member T::*member) {
  std::vector<Member> out;
  out.reserve(items.size());
  for (const T& item : items) out.push_back(item.*member);
  return out;
}

template <typename T, typename Member>
std::vector<std::uint64_t> NumberColumn(const std::vector<T>& items, Member T::*member) {
  std::vector<std::uint64_t> out;
  out.reserve(items.size());
  for (const T& item : items) out.push_back(static_cast<std::uint64_t>(item.*member));
  return out;
}

// Fills lists of structs from lists of their members.
class ReplyReader : public HeaderReader {
 public:
  using HeaderReader::HeaderReader;

  template <typename Out>
  void Number(std::string_view name, std::uint64_t high, Out& out) {
    Keep(header_.Unsigned(name, 0, high), out);
  }
  void Text(std::string_view name, std::string& out) {
    if (Has(name)) Keep(header_.String(name, kMaxTextBytes), out);
  }
  template <std::size_t n, typename E>
  void Choice(std::string_view name, const std::array<std::string_view, n>& choices, E& out) {
    std::string read;
    Text(name, read);
    const auto found = std::ranges::find(choices, read);
    if (found == choices.end()) return Fail(name, "has a value that is none of its own");
    out = static_cast<E>(found - choices.begin());
  }
  void Names(std::string_view name, std::vector<std::string>& out) {
    Keep(header_.Strings(name, kMaxTextBytes), out);
  }
  void Numbers(std::string_view name, std::vector<std::uint64_t>& out) {
    Keep(header_.UnsignedList(name), out);
  }

  // The first column of a list of structs sets its length, the others must have the same.
  template <typename T>
  void Names(std::string_view name, std::vector<T>& items, std::string T::*member,
             bool first = false) {
    std::vector<std::string> values;
    Names(name, values);
    Fill(name, std::move(values), items, member, first);
  }
  template <typename T>
  void Floats(std::string_view name, std::vector<T>& items, float T::*member) {
    std::vector<float> values;
    Keep(header_.FloatList(name), values);
    Fill(name, std::move(values), items, member, false);
  }
  template <typename T, typename Member>
  void Numbers(std::string_view name, std::uint64_t high, std::vector<T>& items,
               Member T::*member) {
    std::vector<std::uint64_t> values;
    Numbers(name, values);
    if (std::any_of(values.begin(), values.end(), [&](auto v) { return v > high; })) {
      Fail(name, "has a value out of range");
    }
    Fill(name, std::move(values), items, member, false);
  }

 private:
  template <typename T, typename Value, typename Member>
  void Fill(std::string_view name, std::vector<Value> values, std::vector<T>& items,
            Member T::*member, bool first) {
    if (first) items.resize(values.size());
    if (values.size() != items.size()) return Fail(name, "has another length than its fellows");
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i].*member = static_cast<Member>(std::move(values[i]));
    }
  }
};

// What hello and attach tell of a session's rows.
void WriteRows(HeaderWriter& writer, const AttachReply& reply) {
  std::vector<std::uint64_t> types;
  for (const InfoType type : reply.info_types) types.push_back(static_cast<std::uint64_t>(type));
  writer.String("environment", reply.environment)
      .Unsigned("rows", static_cast<std::uint64_t>(reply.rows))
      .Unsigned("observation_size", static_cast<std::uint64_t>(reply.observation_size))
      .String("autoreset", AutoresetName(reply.autoreset))
      .String("observations", ObservationTypeName(reply.observations))
      .Strings("info", reply.info)
      .UnsignedList("info_types", types)
      .Unsigned("policy_hash", reply.policy_hash)
      .Unsigned("task_hash", reply.task_hash)
      .Strings("kinds", reply.kinds)
      .UnsignedList("kind_rows", reply.kind_rows);
  if (!reply.settings.empty()) writer.String("settings", reply.settings);
}

void ReadRows(ReplyReader& reader, AttachReply& reply) {
  std::vector<std::uint64_t> types;
  reader.Text("environment", reply.environment);
  reader.Text("settings", reply.settings);
  reader.Number("rows", kMaxRows, reply.rows);
  reader.Number("observation_size", kMaxListElements, reply.observation_size);
  reader.Choice("autoreset", kAutoresetNames, reply.autoreset);
  reader.Choice("observations", kObservationTypeNames, reply.observations);
  reader.Names("info", reply.info);
  reader.Numbers("info_types", types);
  reader.Number("policy_hash", UINT64_MAX, reply.policy_hash);
  reader.Number("task_hash", UINT64_MAX, reply.task_hash);
  reader.Names("kinds", reply.kinds);
  reader.Numbers("kind_rows", reply.kind_rows);
  if (types.size() != reply.info.size()) {
    reader.Fail("info_types", "has another length than its fellows");
  }
  for (const std::uint64_t type : types) {
    if (type > 1) reader.Fail("info_types", "has a value out of range");
    reply.info_types.push_back(static_cast<InfoType>(type));
  }
}

}  // namespace

std::string EncodeReply(const ReplyStatus& reply) {
  HeaderWriter writer;
  writer.Unsigned("id", reply.id).Signed("status", static_cast<std::int32_t>(reply.status));
  if (!reply.error.empty()) {
    writer.String("error", std::string_view(reply.error).substr(0, kMaxTextBytes));
  }
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, const HelloReply& reply) {
  HeaderWriter writer = Begin(id);
  writer.Unsigned("v", kProtocolVersion)
      .Bytes("token", reply.token)
      .String("session", reply.session)
      .Strings("capabilities", reply.capabilities)
      .Unsigned("session_timeout_ms", static_cast<std::uint64_t>(reply.session_timeout_ms))
      .Unsigned("message_timeout_ms", static_cast<std::uint64_t>(reply.message_timeout_ms))
      .Unsigned("lease_grace_ms", static_cast<std::uint64_t>(reply.lease_grace_ms))
      .Unsigned("last_id", reply.last_id)
      .Unsigned("window", static_cast<std::uint64_t>(reply.window))
      .Unsigned("max_rows", static_cast<std::uint64_t>(reply.max_rows))
      .Unsigned("max_transfer_bytes", reply.max_transfer_bytes)
      .Strings("environments", reply.environments)
      .UnsignedList("policy_hashes", reply.policy_hashes)
      .UnsignedList("task_hashes", reply.task_hashes)
      .Strings("tracks", reply.tracks);
  if (reply.attached) WriteRows(writer, *reply.attached);
  if (!reply.warning.empty()) writer.String("warning", reply.warning);
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, const AttachReply& reply) {
  HeaderWriter writer = Begin(id);
  WriteRows(writer, reply);
  if (!reply.warning.empty()) writer.String("warning", reply.warning);
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, const EnvironmentSpec& spec) {
  HeaderWriter writer = Begin(id);
  writer.Unsigned("ticks_per_step", static_cast<std::uint64_t>(spec.ticks_per_step))
      .Unsigned("policy_hash", spec.policy_hash)
      .Unsigned("task_hash", spec.task_hash)
      .Strings("observation", Column(spec.observation, &ObservationColumn::name))
      .Strings("observation_unit", Column(spec.observation, &ObservationColumn::unit))
      .FloatList("observation_scale", Column(spec.observation, &ObservationColumn::scale))
      .FloatList("observation_low", Column(spec.observation, &ObservationColumn::low))
      .FloatList("observation_high", Column(spec.observation, &ObservationColumn::high))
      .UnsignedList("observation_measured",
                    NumberColumn(spec.observation, &ObservationColumn::is_measured))
      .Unsigned("action_kind", static_cast<std::uint64_t>(spec.action.kind))
      .String("action_set", spec.action.name)
      .Strings("action", spec.action.names)
      .FloatList("action_low", spec.action.low)
      .FloatList("action_high", spec.action.high)
      .Strings("info", Column(spec.info, &InfoColumn::name))
      .UnsignedList("info_type", NumberColumn(spec.info, &InfoColumn::type))
      .Strings("info_unit", Column(spec.info, &InfoColumn::unit))
      .UnsignedList("info_only_at_end", NumberColumn(spec.info, &InfoColumn::only_at_end))
      .Strings("reward", Column(spec.reward, &RewardTermSpec::name))
      .FloatList("reward_weight", Column(spec.reward, &RewardTermSpec::weight))
      .Strings("reward_unit", Column(spec.reward, &RewardTermSpec::unit))
      .Strings("rules", Column(spec.rules, &EpisodeRuleSpec::name))
      .UnsignedList("rules_terminate", NumberColumn(spec.rules, &EpisodeRuleSpec::terminates))
      .Strings("randomisation", Column(spec.randomisation, &RandomisedParameterSpec::name))
      .FloatList("randomisation_low", Column(spec.randomisation, &RandomisedParameterSpec::low))
      .FloatList("randomisation_high", Column(spec.randomisation, &RandomisedParameterSpec::high))
      .Strings("randomisation_unit", Column(spec.randomisation, &RandomisedParameterSpec::unit));
  return writer.Finish();
}

tl::expected<ReplyStatus, std::string> DecodeReplyStatus(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  ReplyReader reader(*header);
  ReplyStatus reply;
  reader.Number("id", UINT64_MAX, reply.id);
  reader.Keep(header->Signed("status", INT32_MIN, INT32_MAX), reply.status);
  reader.Text("error", reply.error);
  return reader.Finish(std::move(reply));
}

tl::expected<HelloReply, std::string> DecodeHelloReply(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  ReplyReader reader(*header);
  HelloReply reply;
  reader.Binary("token", reply.token);
  reader.Text("session", reply.session);
  reader.Number("session_timeout_ms", INT32_MAX, reply.session_timeout_ms);
  reader.Names("capabilities", reply.capabilities);
  reader.Number("message_timeout_ms", INT32_MAX, reply.message_timeout_ms);
  reader.Number("lease_grace_ms", INT32_MAX, reply.lease_grace_ms);
  reader.Number("last_id", UINT64_MAX, reply.last_id);
  reader.Number("window", INT32_MAX, reply.window);
  reader.Number("max_rows", INT32_MAX, reply.max_rows);
  reader.Number("max_transfer_bytes", INT64_MAX, reply.max_transfer_bytes);
  reader.Names("environments", reply.environments);
  reader.Numbers("policy_hashes", reply.policy_hashes);
  reader.Numbers("task_hashes", reply.task_hashes);
  reader.Names("tracks", reply.tracks);
  if (reader.Has("rows")) ReadRows(reader, reply.attached.emplace());
  reader.Text("warning", reply.warning);
  if (reply.policy_hashes.size() != reply.environments.size() ||
      reply.task_hashes.size() != reply.environments.size()) {
    reader.Fail("policy_hashes", "has another length than its fellows");
  }
  return reader.Finish(std::move(reply));
}

tl::expected<AttachReply, std::string> DecodeAttachReply(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  ReplyReader reader(*header);
  AttachReply reply;
  ReadRows(reader, reply);
  reader.Text("warning", reply.warning);
  return reader.Finish(std::move(reply));
}

tl::expected<EnvironmentSpec, std::string> DecodeSpecReply(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  ReplyReader reader(*header);
  EnvironmentSpec spec;
  reader.Number("ticks_per_step", INT32_MAX, spec.ticks_per_step);
  reader.Number("policy_hash", UINT64_MAX, spec.policy_hash);
  reader.Number("task_hash", UINT64_MAX, spec.task_hash);
  reader.Names("observation", spec.observation, &ObservationColumn::name, true);
  reader.Names("observation_unit", spec.observation, &ObservationColumn::unit);
  reader.Floats("observation_scale", spec.observation, &ObservationColumn::scale);
  reader.Floats("observation_low", spec.observation, &ObservationColumn::low);
  reader.Floats("observation_high", spec.observation, &ObservationColumn::high);
  reader.Numbers("observation_measured", 1, spec.observation, &ObservationColumn::is_measured);
  reader.Number("action_kind", 1, spec.action.kind);
  reader.Text("action_set", spec.action.name);
  reader.Names("action", spec.action.names);
  reader.Keep(header->FloatList("action_low"), spec.action.low);
  reader.Keep(header->FloatList("action_high"), spec.action.high);
  reader.Names("info", spec.info, &InfoColumn::name, true);
  reader.Numbers("info_type", 1, spec.info, &InfoColumn::type);
  reader.Names("info_unit", spec.info, &InfoColumn::unit);
  reader.Numbers("info_only_at_end", 1, spec.info, &InfoColumn::only_at_end);
  reader.Names("reward", spec.reward, &RewardTermSpec::name, true);
  reader.Floats("reward_weight", spec.reward, &RewardTermSpec::weight);
  reader.Names("reward_unit", spec.reward, &RewardTermSpec::unit);
  reader.Names("rules", spec.rules, &EpisodeRuleSpec::name, true);
  reader.Numbers("rules_terminate", 1, spec.rules, &EpisodeRuleSpec::terminates);
  reader.Names("randomisation", spec.randomisation, &RandomisedParameterSpec::name, true);
  reader.Floats("randomisation_low", spec.randomisation, &RandomisedParameterSpec::low);
  reader.Floats("randomisation_high", spec.randomisation, &RandomisedParameterSpec::high);
  reader.Names("randomisation_unit", spec.randomisation, &RandomisedParameterSpec::unit);
  return reader.Finish(std::move(spec));
}

}  // namespace hotlap::transport
