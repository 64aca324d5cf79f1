// A SCIM server for tests: scimmy and its routers, with people and groups in memory. It listens on a free port of 127.0.0.1, prints that
// port, takes the bearer token in $TOKEN, and ends with its standard input. GET /truth shows what it has, to whoever asks.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map();
const groups = new Map();

const fold = (name) => name.toLowerCase();

function find(all, id) {
    if (!all.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    return all.get(id);
}

function read(all, resource) {
    if (resource.id) return find(all, resource.id);
    const list = [...all.values()];
    return resource.filter ? resource.filter.match(list) : list;
}

// write replaces a resource, or makes one; unique is the attribute that no two may share.
function write(all, resource, data, unique) {
    const id = resource.id ?? randomUUID();
    const before = resource.id ? find(all, id) : undefined;
    for (const other of all.values()) {
        if (other.id !== id && fold(other[unique]) === fold(data[unique]))
            throw new SCIMMY.Types.Error(409, "uniqueness", `There is another with this ${unique}`);
    }
    const now = new Date();
    const written = {...JSON.parse(JSON.stringify(data)), id, meta: {created: before?.meta.created ?? now, lastModified: now}};
    all.set(id, written);
    return written;
}

// writes counts what was written of each person, memberships among it, also when nothing is different afterwards.
const writes = new Map();
const count = (id) => writes.set(id, (writes.get(id) ?? 0) + 1);

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser))
    .ingress((resource, data) => {
        const user = write(users, resource, data, "userName");
        count(user.id);
        return user;
    })
    .egress((resource) => read(users, resource))
    .degress((resource) => {
        find(users, resource.id);
        users.delete(resource.id);
        for (const group of groups.values()) group.members = (group.members ?? []).filter(({value}) => value !== resource.id);
    });

SCIMMY.Resources.declare(SCIMMY.Resources.Group)
    .ingress((resource, data, request) => {
        const group = write(groups, resource, data, "displayName");
        const body = JSON.stringify(request.body);
        for (const id of users.keys()) if (body.includes(id)) count(id);
        return group;
    })
    .egress((resource) => read(groups, resource))
    .degress((resource) => {
        find(groups, resource.id);
        groups.delete(resource.id);
    });

const app = express();

app.get("/truth", (request, response) => {
    const roles = new Map([...users.keys()].map((id) => [id, new Set()]));
    for (const {displayName, members = []} of groups.values()) for (const {value} of members) roles.get(value)?.add(displayName);
    response.json([...users.values()].map((user) => ({
        id: user.id, userName: user.userName, active: user.active !== false, roles: [...roles.get(user.id)], writes: writes.get(user.id), user,
    })));
});

app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("Who are you?");
        return "somebody";
    },
    context: (request) => request,
}));

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
