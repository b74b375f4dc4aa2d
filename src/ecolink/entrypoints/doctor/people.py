"""A check of the people who may log in: whether they have the second factor that is asked of them, and it opens."""

from sqlalchemy.orm import Session

from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.service import Identity


def second_factors(session: Session, identity: Identity) -> Finding:
    """Look whether codes can be compared, and who of those who must has no second factor."""
    people = session.scalars(select_accounts(AccountKind.USER).where(Account.disabled_at.is_(None))).all()
    enrolled = [person for person in people if person.second_factor_since is not None]
    shut = [person.username for person in enrolled if not identity.second_factors.opens(session, person.id)]
    findings = []
    if shut:
        names = ", ".join(sorted(shut))
        findings.append(
            Finding.fail(
                f"The second factor of {names} was sealed to a key that is not here: no code of theirs is ever right.",
                f"{names} 的动态口令由另一把密钥封存，无法校验。",
                "Restore the seal key from the key backup; or take the factor away: ecolink user reset-otp.",
                "请从密钥备份恢复 seal 密钥；或执行 ecolink user reset-otp 后重新绑定。",
            )
        )
    waiting = sorted(person.username for person in people if identity.sessions.must_enrol(person))
    if waiting:
        findings.append(
            Finding.warn(
                f"{', '.join(waiting)} must have a second factor and have none: until then only their profile is open.",
                f"{'、'.join(waiting)} 应启用动态口令而未启用，目前只能查看个人信息。",
                "Have them log in and enrol an authenticator app.",
                "请通知本人登录并绑定验证器。",
            )
        )
    return worst(
        findings,
        Finding.ok(
            f"{len(enrolled)} of {len(people)} people have a second factor; nobody lacks one who must have it.",
            f"{len(people)} 人中 {len(enrolled)} 人已启用动态口令，应启用者均已启用。",
        ),
    )
