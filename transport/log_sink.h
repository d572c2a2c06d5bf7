// Where spdlog writes so that LogLines has it. Beside the headers that a program of the library
// needs, because the library itself does not ask for spdlog.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "transport/log_lines.h"

namespace hotlap::transport {

class LogSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogSink(std::shared_ptr<LogLines> lines) : lines_(std::move(lines)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const LogLevel level = message.level <= spdlog::level::debug  ? LogLevel::kDebug
                           : message.level == spdlog::level::info ? LogLevel::kInfo
                           : message.level == spdlog::level::warn ? LogLevel::kWarning
                                                                  : LogLevel::kError;
    lines_->Add(level, message.time,
                std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  std::shared_ptr<LogLines> lines_;
};

}  // namespace hotlap::transport
