"""etcd's own users, roles and permissions."""

from __future__ import annotations

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import methods, reading
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.keys import key_range
from etcdpilot.model.answers import Access, AuthStatus, Permission

PERMISSION_TYPES = {
    Access.READ: pb.Permission.READ,
    Access.WRITE: pb.Permission.WRITE,
    Access.READWRITE: pb.Permission.READWRITE,
}


class Auth:
    """Enabling wants a user `root` with the role `root` first; from then on everybody needs a password or a certificate
    whose CN is a user's name.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def enable(self, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.AUTH_ENABLE, pb.AuthEnableRequest(), timeout)

    async def disable(self, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.AUTH_DISABLE, pb.AuthDisableRequest(), timeout)

    async def status(self, *, timeout: float | None = None) -> AuthStatus:
        """Whether it is on; Unsupported before 3.5."""
        answer = await self._calls.unary(methods.AUTH_STATUS, pb.AuthStatusRequest(), timeout)
        return AuthStatus(reading.header(answer.header), answer.enabled, answer.auth_revision)

    async def add_user(self, name: str, password: str | None = None, *, timeout: float | None = None) -> None:
        """Without a password the user is known by its certificate's CN alone."""
        options = pb.UserAddOptions(no_password=password is None)
        request = pb.UserAddRequest(name=name, password=password or "", options=options)
        await self._calls.unary(methods.USER_ADD, request, timeout)

    async def roles_of(self, user: str, *, timeout: float | None = None) -> tuple[str, ...]:
        answer = await self._calls.unary(methods.USER_GET, pb.UserGetRequest(name=user), timeout)
        return tuple(answer.roles)

    async def users(self, *, timeout: float | None = None) -> tuple[str, ...]:
        return tuple((await self._calls.unary(methods.USER_LIST, pb.UserListRequest(), timeout)).users)

    async def delete_user(self, name: str, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.USER_DELETE, pb.UserDeleteRequest(name=name), timeout)

    async def change_password(self, name: str, password: str, *, timeout: float | None = None) -> None:
        request = pb.UserChangePasswordRequest(name=name, password=password)
        await self._calls.unary(methods.USER_CHANGE_PASSWORD, request, timeout)

    async def grant_role(self, user: str, role: str, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.USER_GRANT_ROLE, pb.UserGrantRoleRequest(user=user, role=role), timeout)

    async def revoke_role(self, user: str, role: str, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.USER_REVOKE_ROLE, pb.UserRevokeRoleRequest(name=user, role=role), timeout)

    async def add_role(self, name: str, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.ROLE_ADD, pb.RoleAddRequest(name=name), timeout)

    async def permissions_of(self, role: str, *, timeout: float | None = None) -> tuple[Permission, ...]:
        answer = await self._calls.unary(methods.ROLE_GET, pb.RoleGetRequest(role=role), timeout)
        return tuple(reading.permission(permission) for permission in answer.permissions)

    async def roles(self, *, timeout: float | None = None) -> tuple[str, ...]:
        return tuple((await self._calls.unary(methods.ROLE_LIST, pb.RoleListRequest(), timeout)).roles)

    async def delete_role(self, name: str, *, timeout: float | None = None) -> None:
        await self._calls.unary(methods.ROLE_DELETE, pb.RoleDeleteRequest(role=name), timeout)

    async def permit(
        self,
        role: str,
        access: Access,
        key: str | bytes,
        *,
        prefix: bool = False,
        range_end: str | bytes = b"",
        timeout: float | None = None,
    ) -> None:
        """Let a role read, write, or both: one key, a prefix, or a range."""
        start, end = key_range(key, prefix, range_end)
        permission = pb.Permission(type=PERMISSION_TYPES[access], key=start, range_end=end)
        request = pb.RoleGrantPermissionRequest(name=role, permission=permission)
        await self._calls.unary(methods.ROLE_GRANT_PERMISSION, request, timeout)

    async def forbid(
        self,
        role: str,
        key: str | bytes,
        *,
        prefix: bool = False,
        range_end: str | bytes = b"",
        timeout: float | None = None,
    ) -> None:
        """Take back what `permit` gave; the range must be the same."""
        start, end = key_range(key, prefix, range_end)
        request = pb.RoleRevokePermissionRequest(role=role, key=start, range_end=end)
        await self._calls.unary(methods.ROLE_REVOKE_PERMISSION, request, timeout)
