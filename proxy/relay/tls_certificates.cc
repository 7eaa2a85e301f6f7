#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "proxy/base/unique_fd.h"
#include "proxy/relay/tls.h"

namespace pgassay::relay {
namespace {

constexpr long kDaysValid = 825;  // the longest that clients accept of a leaf certificate
constexpr long kSecondsPerDay = 24L * 60 * 60;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Bio = std::unique_ptr<BIO, Free>;

Key NewKey() { return Key(EVP_EC_gen("P-256")); }

bool AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// `issuer` null: signed by itself.
Certificate NewCertificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(X509_new());
  unsigned char serial[8];
  if (!made || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;  // serial numbers are positive
  X509_set_version(made.get(), X509_VERSION_3);
  BIGNUM* const number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kSecondsPerDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), kDaysValid * kSecondsPerDay);
  X509_NAME* const subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(made.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(made.get(), key);
  X509* const signer = issuer == nullptr ? made.get() : issuer;
  const bool extended =
      issuer == nullptr
          ? AddExtension(made.get(), signer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                AddExtension(made.get(), signer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                AddExtension(made.get(), signer, NID_subject_key_identifier, "hash")
          : AddExtension(made.get(), signer, NID_basic_constraints, "critical,CA:FALSE") &&
                AddExtension(made.get(), signer, NID_ext_key_usage, "serverAuth") &&
                AddExtension(made.get(), signer, NID_subject_key_identifier, "hash") &&
                AddExtension(made.get(), signer, NID_authority_key_identifier, "keyid:always") &&
                AddExtension(made.get(), signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  if (!extended || X509_sign(made.get(), issuer_key, EVP_sha256()) == 0) return nullptr;
  return made;
}

Result<> WriteFile(const std::string& path, mode_t mode, BIO* content) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file) return Fail(fmt::format("cannot create {}: {}", path, std::strerror(errno)));
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(content, &bytes);
  if (write(file.get(), bytes, static_cast<size_t>(size)) != size) {
    return Fail(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  return {};
}

Result<> WriteCertificate(const std::string& path, X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return Fail("cannot encode a certificate");
  return WriteFile(path, 0644, bio.get());
}

Result<> WriteKey(const std::string& path, EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Fail("cannot encode a private key");
  }
  return WriteFile(path, 0600, bio.get());
}

}  // namespace

Result<> MakeDevelopmentCertificates(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Fail(fmt::format("cannot create the directory {}: {}", directory, std::strerror(errno)));
  }
  const Key ca_key = NewKey();
  const Key key = NewKey();
  if (!ca_key || !key) return Fail("cannot make a key pair");
  const Certificate ca = NewCertificate("pgassay development CA", ca_key.get(), nullptr, ca_key.get());
  if (!ca) return Fail("cannot make a CA certificate");
  const Certificate certificate = NewCertificate("localhost", key.get(), ca.get(), ca_key.get());
  if (!certificate) return Fail("cannot make a certificate");
  if (auto written = WriteKey(directory + "/localhost.key", key.get()); !written) return written;
  if (auto written = WriteCertificate(directory + "/localhost.crt", certificate.get()); !written) return written;
  return WriteCertificate(directory + "/ca.crt", ca.get());
}

}  // namespace pgassay::relay
