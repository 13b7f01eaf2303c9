// The roles, and who may act on whom: what `shared/domain/permission.py` says, for what is offered. The API decides again.
export const ROLES = ["owner", "admin", "member", "auditor"];

/** Role -> the roles whose rights it holds all: it may give them, take them, and act on whoever has one. */
export const COVERED = {
  owner: ["owner", "admin", "member", "auditor"],
  admin: ["admin", "member", "auditor"],
  member: ["member"],
  auditor: ["member", "auditor"],
};

export const ABOUT = {
  owner: "everything, and alone: makes owners, erases people, places legal holds",
  admin: "people, security settings and evidence",
  member: "the own account, nothing else",
  auditor: "sees settings and evidence, changes nothing",
};

export const covers = (role, other) => Boolean(COVERED[role]?.includes(other));

/** Whether `role` holds all that `other` holds, and more: nobody acts in the name of an equal. */
export const outranks = (role, other) => covers(role, other) && !covers(other, role);

/** The roles that somebody of `role` may give, as options of a select. */
export const givable = (role) => ROLES.filter((other) => covers(role, other)).map((other) => [other, `${other} – ${ABOUT[other]}`]);

/** Whether the API holds the role of `me` to a second factor. */
export const administers = (me) => me.role === "owner" || me.role === "admin";
