// One 64-bit keyed hash per value, the same for its text and its binary form, so that a parameter can be compared with
// an earlier result cell without either being stored. Source: PostgreSQL's external representations of each type.
//
// Canonical form: int2/4/8, oid and integral numeric -> signed 64 bit; uuid -> 16 bytes; text, varchar, bpchar, citext,
// name, char, enums and any type this table does not know -> its bytes; bytea -> its bytes. Text that *reads* as a
// canonical decimal int64 ("42", never "042") hashes as that integer, and text that reads as a lower-case hyphenated
// uuid as that uuid, whatever its declared type: so a quoted literal or a parameter of unknown type (OID 0) meets the
// integer it means. Where an unknown-typed value could mean two things ("042" as integer 42 or as text), `alternate`
// holds the second. bool, floats, dates and timestamps are not comparable: Comparable() is false, hash is 0.
// Class equality (integer against text) is judged by the caller from the types.
//
// The key is random, lives in memory only and for one recording: hashes compare within that recording.
// Threads: pure functions. Cost: a few ns for a short value; XXH3 with the key as its secret.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace pgassay {

struct HashKey {
  std::array<unsigned char, 192> secret;
  static HashKey Random();                      // from the kernel's random numbers
  static HashKey ForTests(unsigned char seed);  // deterministic
};

struct ValueHash {
  uint64_t hash = 0;       // 0: not comparable
  uint64_t alternate = 0;  // 0: none
};

// What a type is compared as. kUnknown: OID 0, or a type this table does not know (domains, enums, extensions).
enum class TypeClass : uint8_t { kUnknown, kInteger, kUuid, kText, kBytes, kNotComparable };
TypeClass TypeClassOf(uint32_t type_oid);

// One hash for a tuple of values, in order: (a, b) = ($1, $2) meets the pair of cells. 0 if any of them is 0.
inline uint64_t CombineHashes(uint64_t first, uint64_t second) {
  if (first == 0 || second == 0) return 0;
  const uint64_t mixed = (first ^ (second + 0x9e3779b97f4a7c15u + (first << 6) + (first >> 2))) * 0xff51afd7ed558ccdu;
  return mixed == 0 ? 1 : mixed;
}

// Any bytes, keyed: for result hashes and rows.
uint64_t HashBytes(const HashKey& key, std::string_view bytes);
// The same hash of bytes that come in pieces; costs an allocation, so whole values take HashBytes.
class BytesHasher {
 public:
  explicit BytesHasher(const HashKey& key);  // `key` must outlive it
  ~BytesHasher();
  void Add(std::string_view bytes);
  uint64_t Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A value in the text format (format code 0, or a literal's content without its quotes).
ValueHash HashTextValue(const HashKey& key, uint32_t type_oid, std::string_view text);
// A value in the binary format (format code 1). Malformed lengths give hash 0.
ValueHash HashBinaryValue(const HashKey& key, uint32_t type_oid, std::string_view bytes);

inline constexpr size_t kMaxArrayElements = 256;  // a longer list is a batch, whatever it holds

// The elements of a one-dimensional array value, up to kMaxArrayElements, NULLs left out; returns the array's full
// length, or -1 if `bytes` is no array. `binary` arrays name their element type; text ones ("{1,2}") take
// `element_type_oid` or 0.
int64_t HashArrayElements(const HashKey& key, uint32_t type_oid, bool binary, std::string_view bytes,
                          std::array<ValueHash, kMaxArrayElements>& out, size_t& out_count);
// The element type of PostgreSQL's built-in array types, 0 if `type_oid` is none.
uint32_t ArrayElementType(uint32_t type_oid);

}  // namespace pgassay
