/* rcgc/fields.h: the RC_FIELD macros, which declare where a struct's owned references are. Hand-written.
 *
 *     static const rc_field node_fields[] = {
 *         RC_FIELD(Node, left),
 *         RC_FIELD_VECTOR(Node, items, item_count),
 *     };
 *
 * Each makes one rc_field. T is the host's struct, `member` one of its members; sizes and offsets
 * are computed by the compiler, and rc_type_new refuses what lies outside the struct or overlaps.
 * Declared fields are faster than a `traverse`, cannot be got wrong, and name every edge in
 * reports.
 *
 *     one slot          fixed array     trailing array   vector
 *     RC_FIELD          ..._ARRAY       ..._TAIL         ..._VECTOR   pointers, may be null
 *     RC_FIELD_TAGGED   ..._ARRAY       ..._TAIL         ..._VECTOR   one word: tag and pointer
 *     RC_FIELD_VARIANT  ..._ARRAY       ..._TAIL         ..._VECTOR   pointer and tag side by side
 *
 *  - tagged: the word holds an owned pointer when (word & mask) == tag; the pointer is word &
 *    ptr_mask. Low-bit tags and NaN-boxing. Several fields may describe one word, if their tags
 *    exclude each other.
 *  - variant: the payload is an owned pointer when (tag & mask) == value; the tag's width is its
 *    member's. `payload` and `tag_member` are members of T, or of the array's element. Several
 *    fields may describe one payload likewise.
 *  - vector: `ptr` is a buffer that the host allocated and frees in `destroy`; `len` its used
 *    length, 1 to 8 bytes wide.
 *  - tail: the type's tail_size is the size of one element, its length is given to rc_new_array.
 */
#ifndef RCGC_FIELDS_H
#define RCGC_FIELDS_H

#include <stddef.h>

#include <rcgc/type.h>

/* Sizes and offsets, never evaluated. */
#define RCGC_ANY(T) RCGC_CAST(T *, RCGC_NULL)
#define RCGC_MEMBER_SIZE(T, member) sizeof(RCGC_ANY(T)->member)
#define RCGC_ELEMENT_SIZE(T, member) sizeof(RCGC_ANY(T)->member[0])
#define RCGC_ELEMENT_COUNT(T, member) (RCGC_MEMBER_SIZE(T, member) / RCGC_ELEMENT_SIZE(T, member))
#define RCGC_ELEMENT_OFFSET(T, member, part) offsetof(__typeof__(RCGC_ANY(T)->member[0]), part)
#define RCGC_ELEMENT_PART_SIZE(T, member, part) sizeof(RCGC_ANY(T)->member[0].part)

/* A number of any kind as the bits of a word. A function in C++: what needs no conversion there is a useless
 * cast to some hosts. */
#if defined(__cplusplus)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuseless-cast"
#endif
extern "C++" template <class N> constexpr uint64_t rcgc_bits(N number_) {
  return static_cast<uint64_t>(number_);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#define RCGC_BITS(number) rcgc_bits(number)
#else
#define RCGC_BITS(number) ((uint64_t)(number))
#endif

/* ---- plain pointers ---- */

/* One owned pointer, may be null. */
#define RC_FIELD(T, member)                                                                        \
  { #member, RC_SLOT_POINTER, RC_PLACE_ONE, offsetof(T, member), 1, RCGC_MEMBER_SIZE(T, member),   \
    0, 0, 0, 0, 0, 0, 0, 0 }

/* A fixed array of owned pointers inside the struct. */
#define RC_FIELD_ARRAY(T, member)                                                                  \
  { #member, RC_SLOT_POINTER, RC_PLACE_ARRAY, offsetof(T, member), RCGC_ELEMENT_COUNT(T, member),  \
    RCGC_ELEMENT_SIZE(T, member), 0, 0, 0, 0, 0, 0, 0, 0 }

/* The trailing array, each element an owned pointer. */
#define RC_FIELD_TAIL(T, member)                                                                   \
  { #member, RC_SLOT_POINTER, RC_PLACE_TAIL, offsetof(T, member), 0, RCGC_ELEMENT_SIZE(T, member), \
    0, 0, 0, 0, 0, 0, 0, 0 }

/* A pointer to a buffer of owned pointers, and its used length. */
#define RC_FIELD_VECTOR(T, ptr, len)                                                               \
  { #ptr, RC_SLOT_POINTER, RC_PLACE_VECTOR, offsetof(T, ptr), 0, RCGC_ELEMENT_SIZE(T, ptr), 0, 0,  \
    0, offsetof(T, len), RCGC_MEMBER_SIZE(T, len), 0, 0, 0 }

/* ---- tagged words ---- */

#define RC_FIELD_TAGGED(T, member, mask, tag, ptr_mask)                                            \
  { #member, RC_SLOT_TAGGED, RC_PLACE_ONE, offsetof(T, member), 1, RCGC_MEMBER_SIZE(T, member), 0, \
    0, 0, 0, 0, RCGC_BITS(mask), RCGC_BITS(tag), RCGC_BITS(ptr_mask) }

#define RC_FIELD_TAGGED_ARRAY(T, member, mask, tag, ptr_mask)                                      \
  { #member, RC_SLOT_TAGGED, RC_PLACE_ARRAY, offsetof(T, member), RCGC_ELEMENT_COUNT(T, member),   \
    RCGC_ELEMENT_SIZE(T, member), 0, 0, 0, 0, 0, RCGC_BITS(mask), RCGC_BITS(tag),                \
    RCGC_BITS(ptr_mask) }

#define RC_FIELD_TAGGED_TAIL(T, member, mask, tag, ptr_mask)                                       \
  { #member, RC_SLOT_TAGGED, RC_PLACE_TAIL, offsetof(T, member), 0, RCGC_ELEMENT_SIZE(T, member),  \
    0, 0, 0, 0, 0, RCGC_BITS(mask), RCGC_BITS(tag), RCGC_BITS(ptr_mask) }

#define RC_FIELD_TAGGED_VECTOR(T, ptr, len, mask, tag, ptr_mask)                                   \
  { #ptr, RC_SLOT_TAGGED, RC_PLACE_VECTOR, offsetof(T, ptr), 0, RCGC_ELEMENT_SIZE(T, ptr), 0, 0,   \
    0, offsetof(T, len), RCGC_MEMBER_SIZE(T, len), RCGC_BITS(mask), RCGC_BITS(tag),              \
    RCGC_BITS(ptr_mask) }

/* ---- {tag, payload} pairs ---- */

#define RC_FIELD_VARIANT(T, payload, tag_member, mask, value)                                      \
  { #payload, RC_SLOT_VARIANT, RC_PLACE_ONE, 0, 1, sizeof(T), offsetof(T, payload),                \
    offsetof(T, tag_member), RCGC_MEMBER_SIZE(T, tag_member), 0, 0, RCGC_BITS(mask),              \
    RCGC_BITS(value), 0 }

#define RC_FIELD_VARIANT_ARRAY(T, member, payload, tag_member, mask, value)                        \
  { #member, RC_SLOT_VARIANT, RC_PLACE_ARRAY, offsetof(T, member), RCGC_ELEMENT_COUNT(T, member),  \
    RCGC_ELEMENT_SIZE(T, member), RCGC_ELEMENT_OFFSET(T, member, payload),                         \
    RCGC_ELEMENT_OFFSET(T, member, tag_member),                                                    \
    RCGC_ELEMENT_PART_SIZE(T, member, tag_member), 0, 0, RCGC_BITS(mask), RCGC_BITS(value), 0 }

#define RC_FIELD_VARIANT_TAIL(T, member, payload, tag_member, mask, value)                         \
  { #member, RC_SLOT_VARIANT, RC_PLACE_TAIL, offsetof(T, member), 0, RCGC_ELEMENT_SIZE(T, member), \
    RCGC_ELEMENT_OFFSET(T, member, payload), RCGC_ELEMENT_OFFSET(T, member, tag_member),           \
    RCGC_ELEMENT_PART_SIZE(T, member, tag_member), 0, 0, RCGC_BITS(mask), RCGC_BITS(value), 0 }

#define RC_FIELD_VARIANT_VECTOR(T, ptr, len, payload, tag_member, mask, value)                     \
  { #ptr, RC_SLOT_VARIANT, RC_PLACE_VECTOR, offsetof(T, ptr), 0, RCGC_ELEMENT_SIZE(T, ptr),        \
    RCGC_ELEMENT_OFFSET(T, ptr, payload), RCGC_ELEMENT_OFFSET(T, ptr, tag_member),                 \
    RCGC_ELEMENT_PART_SIZE(T, ptr, tag_member), offsetof(T, len), RCGC_MEMBER_SIZE(T, len),        \
    RCGC_BITS(mask), RCGC_BITS(value), 0 }

/* ---- weak handles ---- */

/* A member of type rc_weak *, may be null: a handle that the engine frees when the object dies. Not
 * an edge. */
#define RC_FIELD_WEAK(T, member)                                                                   \
  { #member, RC_SLOT_WEAK, RC_PLACE_ONE, offsetof(T, member), 1, RCGC_MEMBER_SIZE(T, member), 0,   \
    0, 0, 0, 0, 0, 0, 0 }

/* Elements of an array, for field_count. */
#define RC_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif /* RCGC_FIELDS_H */
