#include "proxy/wire/first_bytes.h"

namespace pgassay::wire {

FirstStep NextStep(const Startup& startup, const EncryptionSeen& seen, const FirstBytesPolicy& policy) {
  switch (startup.kind) {
    case StartupKind::kIncomplete:
      return FirstStep::kWait;
    case StartupKind::kSslRequest:
      if (seen.encrypted || seen.ssl_asked) return FirstStep::kRefuseSecondRequest;
      if (policy.passes_tls) return FirstStep::kPassOn;
      return policy.offers_tls ? FirstStep::kBeginTls : FirstStep::kSayNoToSsl;
    case StartupKind::kGssEncRequest:
      if (seen.encrypted || seen.gss_asked) return FirstStep::kRefuseSecondRequest;
      // If the server says no, a plain login may follow, which nobody would stop.
      return policy.passes_gss && !policy.refuses_plain ? FirstStep::kPassOn : FirstStep::kSayNoToGss;
    case StartupKind::kCancelRequest:
      return FirstStep::kReadCancel;
    case StartupKind::kDirectTls:
      if (seen.encrypted) return FirstStep::kRefuseSecondRequest;
      if (policy.offers_tls) return FirstStep::kBeginDirectTls;
      // Nothing that we could say would be understood; a server that is reached in plain may know what to do with it.
      return policy.plain_upstream ? FirstStep::kPassOn : FirstStep::kClose;
    case StartupKind::kStartup:
    case StartupKind::kInvalid:  // passed on as it is: the server refuses it in its own words
      return policy.refuses_plain && !seen.encrypted ? FirstStep::kRefusePlain : FirstStep::kPassOn;
  }
  return FirstStep::kPassOn;
}

}  // namespace pgassay::wire
