#include "transport/curve_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

template <typename Call>
std::string ErrorOf(Call call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

class CurveKeysTest : public ::testing::Test {
 protected:
  std::vector<fs::path> Generate(const std::vector<std::string>& clients) {
    return GenerateKeys(folder_, clients);
  }
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path());
      files[entry.path().lexically_relative(folder_).string()].assign(
          std::istreambuf_iterator<char>(in), {});
    }
    return files;
  }

  TemporaryDirectory directory_;
  const fs::path folder_ = directory_.path() / "keys";
};

TEST_F(CurveKeysTest, GeneratedFilesReadBackAsPairsThatFit) {
  const auto written = Generate({"alice", "bob"});
  EXPECT_EQ(written.size(), 6u);
  const KeyPair server = ReadKeyPair(folder_ / "server.key");
  EXPECT_EQ(server.public_key, ReadPublicKey(folder_ / "server.pub"));
  const ClientKeys alice = ReadClientKeys(folder_ / "server.pub", folder_ / "alice.key");
  EXPECT_EQ(alice.server_key, server.public_key);
  EXPECT_EQ(alice.own.public_key, ReadPublicKey(folder_ / "clients" / "alice.pub"));
  EXPECT_NE(alice.own.secret_key, ReadKeyPair(folder_ / "bob.key").secret_key);
}

TEST_F(CurveKeysTest, NobodyButItsOwnerMayReadASecret) {
  Generate({"alice"});
  for (const char* name : {"server.key", "alice.key"}) {
    EXPECT_EQ(fs::status(folder_ / name).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
  }
  fs::permissions(folder_ / "alice.key", fs::perms::group_read, fs::perm_options::add);
  EXPECT_THAT(ErrorOf([&] { ReadKeyPair(folder_ / "alice.key"); }), HasSubstr("chmod 600"));
}

TEST_F(CurveKeysTest, MoreClientsAreAddedBesideTheServersKey) {
  Generate({"alice"});
  auto before = Files();
  EXPECT_EQ(Generate({"bob"}).size(), 2u);
  auto after = Files();
  EXPECT_EQ(after.size(), before.size() + 2);
  for (const auto& [name, key] : before) EXPECT_EQ(after[name], key) << name;
}

TEST_F(CurveKeysTest, NothingIsOverwrittenOrWrittenInPart) {
  Generate({"alice"});
  const auto before = Files();
  EXPECT_THAT(ErrorOf([&] { Generate({"bob", "alice"}); }), HasSubstr("alice.key: is there"));
  EXPECT_THAT(ErrorOf([&] { Generate({"bob", "../eve"}); }), HasSubstr("'../eve'"));
  EXPECT_THAT(ErrorOf([&] { Generate({"bob", "server"}); }), HasSubstr("'server'"));
  EXPECT_EQ(Files(), before);
}

TEST_F(CurveKeysTest, AFileThatHoldsNoKeyIsNamed) {
  Generate({"alice"});
  const fs::path broken = folder_ / "broken.pub";
  for (const std::string& text :
       {std::string(), std::string("short"), std::string(39, 'a'), std::string(41, 'a'),
        std::string(40, '"'), std::string(5000, 'a')}) {
    std::ofstream(broken, std::ios::trunc) << text;
    EXPECT_THAT(ErrorOf([&] { ReadPublicKey(broken); }), HasSubstr("broken.pub: holds no key"));
  }
  EXPECT_THAT(ErrorOf([&] { ReadPublicKey(folder_ / "nobody.pub"); }),
              HasSubstr("nobody.pub: cannot read"));
}

}  // namespace
}  // namespace hotlap::transport
