#include "proxy/relay/channel_binding.h"

#include <gtest/gtest.h>

#include "tests/proxy/relay/relay_fixture.h"

namespace pgassay::relay {
namespace {

using testing::Message;
using testing::Uint32;

std::string Sasl(std::string_view mechanisms) { return Message('R', Uint32(10) + std::string(mechanisms)); }

const std::string kBoth = Sasl({"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 34});
const std::string kPlain = Sasl({"SCRAM-SHA-256\0\0", 15});

std::string Passed(ChannelBindingOffer& offer, std::string_view bytes, size_t piece) {
  std::string passed;
  for (size_t at = 0; at < bytes.size(); at += piece) passed += offer.Pass(bytes.substr(at, piece));
  return passed;
}

TEST(ChannelBindingOffer, IsTakenOutAtEverySplitAndNothingElseIs) {
  const std::string before = Message('v', Uint32(0) + Uint32(0)) + Message('N', std::string("SNOTICE\0\0", 9));
  const std::string after = Message('R', Uint32(11) + "server-first") + Message('R', Uint32(0));
  for (size_t piece = 1; piece < 200; ++piece) {
    ChannelBindingOffer offer;
    EXPECT_EQ(Passed(offer, before + kBoth + after, piece), before + kPlain + after);
    EXPECT_TRUE(offer.done());
    EXPECT_EQ(offer.removed_bytes(), kBoth.size() - kPlain.size());
  }
}

TEST(ChannelBindingOffer, IsFoundWhereverItStandsInTheList) {
  ChannelBindingOffer last;
  EXPECT_EQ(last.Pass(Sasl({"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0", 34})), kPlain);
  ChannelBindingOffer middle;
  EXPECT_EQ(middle.Pass(Sasl({"A\0SCRAM-SHA-256-PLUS\0OAUTHBEARER\0\0", 34})), Sasl({"A\0OAUTHBEARER\0\0", 15}));
}

TEST(ChannelBindingOffer, EverythingElsePassesAsItCame) {
  const std::vector<std::string> unchanged = {
      kPlain,
      Sasl({"SCRAM-SHA-256-PLUS\0\0", 20}),                            // the only one
      Sasl({"X-SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 36}),           // another name
      Sasl({"A\0\0SCRAM-SHA-256-PLUS\0B\0\0", 25}),                    // behind the end of the list
      Message('R', Uint32(5) + "salt"),                                // md5
      Message('R', Uint32(11) + kBoth),                                // not the offer
      Message('E', std::string("C28000\0\0", 8)) + kBoth,              // refused
      Message('S', std::string("a\0b\0", 4)) + kBoth,                  // no such thing before an authentication request
      std::string("R\0\0\0\3zzzzzzzz", 13),                            // a length below itself
      std::string("R\x7f\xff\xff\xff", 5) + std::string(100'000, 'x')  // a promise
  };
  for (const std::string& bytes : unchanged) {
    for (const size_t piece : {size_t{1}, size_t{7}, bytes.size()}) {
      ChannelBindingOffer offer;
      EXPECT_EQ(Passed(offer, bytes, piece), bytes);
      EXPECT_TRUE(offer.done());
      EXPECT_EQ(offer.removed_bytes(), 0u);
    }
  }
}

TEST(ChannelBindingOffer, HoldsACutRequestUntilTheEnd) {
  const std::string cut = kBoth.substr(0, 20);
  ChannelBindingOffer offer;
  EXPECT_EQ(offer.Pass(cut), "");
  EXPECT_FALSE(offer.done());
  EXPECT_EQ(offer.Rest(), cut);
}

}  // namespace
}  // namespace pgassay::relay
