#include "handlers/flow/artefacts.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "handlers/flow/digest.hpp"
#include "tests/fakes/fake_world.hpp"

namespace tinsmith {
namespace {

TEST(Artefacts, AreNamedByTheirDigestAndSweptWhenNobodyKeepsThem) {
    const testing::TemporaryFolder folder;
    Artefacts artefacts(folder.path() / "artefacts");
    const auto first = artefacts.put("abc");
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const auto second = artefacts.put("other");
    ASSERT_TRUE(second);
    EXPECT_EQ(artefacts.bytes(), 8U);
    std::ofstream(folder.path() / "artefacts" / "left.tmp") << "half";
    EXPECT_EQ(artefacts.sweep({*first}), 5U + 4U);
    EXPECT_EQ(artefacts.read(*first).value(), "abc");
    EXPECT_FALSE(artefacts.read(*second));
}

TEST(Artefacts, AFullDiskIsSaidSo) {
    Artefacts artefacts("/dev/full/none");
    EXPECT_FALSE(artefacts.put("abc"));
}

TEST(Digest, HexRoundTripAndRefusals) {
    EXPECT_EQ(toHex(fromHex("00ffA0").value()), "00ffa0");
    EXPECT_FALSE(fromHex("abc"));
    EXPECT_FALSE(fromHex("zz"));
}

}  // namespace
}  // namespace tinsmith
