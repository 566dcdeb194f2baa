/**
 * Sets of few members, nearly always of one: lists that are replaced when somebody comes or goes. Who walks over one
 * meets those that were there when the walk began, whoever goes meanwhile.
 *
 * Why: a Set takes 180 bytes for its first member, and a transport would have three of them. A list of one takes 56,
 * if it was made to its length: what `push`, `filter` and a spread make has room for 17.
 */

export type Few<Member> = readonly Member[]

/** One for all: most transports never have more of what is rare. */
export const NONE: Few<never> = []

export function plus<Member>(members: Few<Member>, member: Member): Few<Member> {
  return members.length === 0 ? [member] : members.concat([member])
}

export function minus<Member>(members: Few<Member>, member: Member): Few<Member> {
  const at = members.indexOf(member)
  if (at === -1) return members
  return members.length === 1 ? NONE : members.toSpliced(at, 1)
}
