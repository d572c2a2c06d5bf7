#include "env/snapshot_store.h"

#include <gtest/gtest.h>

namespace hotlap {
namespace {

SnapshotStore::Bytes BytesOf(std::size_t size, int fill = 1) {
  return std::make_shared<const std::vector<std::byte>>(size, static_cast<std::byte>(fill));
}

TEST(SnapshotStoreTest, GivesBackWhatWasPut) {
  SnapshotStore store(1000);
  const auto first = store.Put(7, BytesOf(10, 1)), second = store.Put(8, BytesOf(10, 2));
  EXPECT_NE(first, second);
  EXPECT_EQ(store.Get(first)->owner, 7u);
  EXPECT_EQ(*store.Get(second)->bytes, *BytesOf(10, 2));
  EXPECT_FALSE(store.Get(0));
  EXPECT_FALSE(store.Get(second + 1));
}

TEST(SnapshotStoreTest, TheOldestMakeRoomWhenTheBudgetIsUsedUp) {
  SnapshotStore store(25);
  const auto first = store.Put(1, BytesOf(10)), second = store.Put(1, BytesOf(10));
  const auto third = store.Put(1, BytesOf(10));
  EXPECT_FALSE(store.Get(first));
  EXPECT_TRUE(store.Get(second));
  EXPECT_TRUE(store.Get(third));
  EXPECT_EQ(store.bytes(), 20u);
}

TEST(SnapshotStoreTest, WhoeverHoldsMostMakesRoom) {
  SnapshotStore store(100);
  const auto modest = store.Put(1, BytesOf(10));
  std::vector<std::uint64_t> many(30);
  for (std::uint64_t& id : many) id = store.Put(2, BytesOf(10));
  EXPECT_TRUE(store.Get(modest));
  EXPECT_FALSE(store.Get(many[20]));
  EXPECT_TRUE(store.Get(many[21]));
  const auto late = store.Put(3, BytesOf(10));
  EXPECT_TRUE(store.Get(late));
  EXPECT_TRUE(store.Get(modest));
  EXPECT_FALSE(store.Get(many[21]));
  EXPECT_EQ(store.bytes(), 100u);
}

TEST(SnapshotStoreTest, OneLargerThanTheBudgetIsNotKeptAndEvictsNothing) {
  SnapshotStore store(25);
  const auto small = store.Put(1, BytesOf(10));
  EXPECT_FALSE(store.Get(store.Put(1, BytesOf(26))));
  EXPECT_TRUE(store.Get(small));
  EXPECT_EQ(store.bytes(), 10u);
}

TEST(SnapshotStoreTest, ADroppedSnapshotMakesRoomAndLeavesTheOthers) {
  SnapshotStore store(30);
  const auto first = store.Put(1, BytesOf(10)), second = store.Put(1, BytesOf(10));
  const auto third = store.Put(1, BytesOf(10));
  store.Drop(second);
  store.Drop(second);
  store.Drop(0);
  EXPECT_FALSE(store.Get(second));
  EXPECT_EQ(store.bytes(), 20u);
  const auto fourth = store.Put(1, BytesOf(10));
  EXPECT_TRUE(store.Get(first));
  store.Put(1, BytesOf(10));
  EXPECT_FALSE(store.Get(first)) << "the oldest that is left";
  EXPECT_TRUE(store.Get(third));
  EXPECT_TRUE(store.Get(fourth));
}

TEST(SnapshotStoreTest, WhoeverDroppedAllHoldsNothing) {
  SnapshotStore store(25);
  store.Drop(store.Put(1, BytesOf(20)));
  const auto other = store.Put(2, BytesOf(15));
  store.Put(1, BytesOf(10));
  EXPECT_TRUE(store.Get(other));
  EXPECT_EQ(store.bytes(), 25u);
}

TEST(SnapshotStoreTest, DroppedOwnersHoldNothing) {
  SnapshotStore store(25);
  store.Put(1, BytesOf(20));
  store.DropOwner(1);
  store.DropOwner(1);
  const auto other = store.Put(2, BytesOf(15));
  store.Put(1, BytesOf(10));
  EXPECT_TRUE(store.Get(other));
}

TEST(SnapshotStoreTest, AnOwnersSnapshotsGoTogetherAndIdsAreNotUsedAgain) {
  SnapshotStore store(100);
  const auto mine = store.Put(1, BytesOf(10)), theirs = store.Put(2, BytesOf(10));
  store.DropOwner(1);
  EXPECT_FALSE(store.Get(mine));
  EXPECT_TRUE(store.Get(theirs));
  EXPECT_EQ(store.bytes(), 10u);
  EXPECT_GT(store.Put(1, BytesOf(1)), theirs);
}

TEST(SnapshotStoreTest, HeldBytesOutliveTheirEviction) {
  SnapshotStore store(10);
  const auto held = store.Get(store.Put(1, BytesOf(10, 5)))->bytes;
  store.Put(1, BytesOf(10));
  EXPECT_EQ(*held, *BytesOf(10, 5));
}

}  // namespace
}  // namespace hotlap
