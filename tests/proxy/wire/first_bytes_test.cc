#include "proxy/wire/first_bytes.h"

#include <gtest/gtest.h>

namespace pgassay::wire {
namespace {

constexpr FirstBytesPolicy kPlain{};
constexpr FirstBytesPolicy kTls{.offers_tls = true, .refuses_plain = true};
constexpr FirstBytesPolicy kPassesTls{.passes_tls = true};
constexpr FirstBytesPolicy kPassesGss{.passes_gss = true};
constexpr FirstBytesPolicy kTlsUpstream{.plain_upstream = false};

FirstStep Step(StartupKind kind, const FirstBytesPolicy& policy, const EncryptionSeen& seen = {}) {
  return NextStep({.kind = kind}, seen, policy);
}

TEST(FirstBytes, RequestsForEncryptionAreAnsweredByWhoCan) {
  EXPECT_EQ(Step(StartupKind::kSslRequest, kPlain), FirstStep::kSayNoToSsl);
  EXPECT_EQ(Step(StartupKind::kSslRequest, kTls), FirstStep::kBeginTls);
  EXPECT_EQ(Step(StartupKind::kSslRequest, kPassesTls), FirstStep::kPassOn);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kPlain), FirstStep::kSayNoToGss);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kPassesTls), FirstStep::kSayNoToGss);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kPassesGss), FirstStep::kPassOn);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kPassesGss, {.ssl_asked = true}), FirstStep::kPassOn);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, {.refuses_plain = true, .passes_gss = true}), FirstStep::kSayNoToGss);
  EXPECT_EQ(Step(StartupKind::kDirectTls, kTls), FirstStep::kBeginDirectTls);
  EXPECT_EQ(Step(StartupKind::kDirectTls, kPlain), FirstStep::kPassOn);
  EXPECT_EQ(Step(StartupKind::kDirectTls, kTlsUpstream), FirstStep::kClose);
}

TEST(FirstBytes, AServerAllowsOneRequestOfEachKindAndNoneOnceEncrypted) {
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kPlain, {.ssl_asked = true}), FirstStep::kSayNoToGss);
  EXPECT_EQ(Step(StartupKind::kSslRequest, kPlain, {.gss_asked = true}), FirstStep::kSayNoToSsl);
  EXPECT_EQ(Step(StartupKind::kSslRequest, kPlain, {.ssl_asked = true}), FirstStep::kRefuseSecondRequest);
  EXPECT_EQ(Step(StartupKind::kGssEncRequest, kTls, {.gss_asked = true}), FirstStep::kRefuseSecondRequest);
  for (const StartupKind kind : {StartupKind::kSslRequest, StartupKind::kGssEncRequest, StartupKind::kDirectTls}) {
    EXPECT_EQ(Step(kind, kTls, {.encrypted = true}), FirstStep::kRefuseSecondRequest);
  }
}

TEST(FirstBytes, WhatIsNoRequestPassesUnlessLoginsMustBeEncrypted) {
  for (const StartupKind kind : {StartupKind::kStartup, StartupKind::kInvalid}) {
    EXPECT_EQ(Step(kind, kPlain), FirstStep::kPassOn);
    EXPECT_EQ(Step(kind, kTls), FirstStep::kRefusePlain);
    EXPECT_EQ(Step(kind, kTls, {.encrypted = true}), FirstStep::kPassOn);
  }
  EXPECT_EQ(Step(StartupKind::kCancelRequest, kTls), FirstStep::kReadCancel);
  EXPECT_EQ(Step(StartupKind::kIncomplete, kTls), FirstStep::kWait);
}

}  // namespace
}  // namespace pgassay::wire
