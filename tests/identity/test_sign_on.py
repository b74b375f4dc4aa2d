"""The bureau's identity provider vouches for people, and is believed about little else."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ecolink.audit.access_models import AccessRow
from ecolink.egress import WayOut
from ecolink.errors import ConflictError, InvalidError, UnauthenticatedError
from ecolink.identity import provider as provider_module
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.logins import WrongCredentialsError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.passwords import Passwords
from ecolink.identity.provider import Provider as OurProvider
from ecolink.identity.provider import ProviderTerms, ProviderUnavailableError, SignOnRefusedError
from ecolink.identity.roles import Role
from ecolink.identity.service import Identity
from ecolink.identity.sign_on import NoRoleError
from ecolink.kit.vault import Vault
from ecolink.protocol.keys import SigningKey
from ecolink.storage.engine import Database
from tests.support.hashing import CHEAP
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, LIN, Provider, running
from tests.support.web import NOON, SHOUNING, access_log

ROLES = {"协作联络员": [Role.LIAISON_OFFICER], "局领导": [Role.CHIEF, Role.APPROVER], "信息科": [Role.ADMINISTRATOR]}
HOME = "https://ecolink.shouning.example"

pytestmark = pytest.mark.by_turns


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    with running() as provider:
        yield provider


@pytest.fixture
def provider(process: Provider) -> Provider:
    process.tell(now=int(NOON.timestamp()))
    return process


class Node:
    """What a node knows of its people, and one browser."""

    def __init__(self, database: Database, provider: Provider, *, allowed: str = "127.0.0.0/8") -> None:
        self.database, self.provider = database, provider
        terms = ProviderTerms(
            issuer=provider.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=f"{HOME}/sign-in/bureau/return",
            home=f"{HOME}/sign-in",
            username_claim="preferred_username",
            groups_claim="groups",
            group_roles=ROLES,
        )
        self.ours = OurProvider(terms, WayOut(allowed_networks=[ip_network(allowed)], setting="ECOLINK_OIDC_NETWORKS"))
        self.identity = Identity.build(
            SigningKey.generate(),
            SHOUNING,
            access_log(database),
            Vault(SigningKey.generate().private),
            passwords=Passwords(CHEAP),
            provider=self.ours,
        )
        assert self.identity.sign_on is not None
        self.sign_on = self.identity.sign_on

    def enter(self, now: datetime = NOON, **told: object) -> Account:
        """Sign in as whom the provider is told sits there; return the account."""
        if told:
            self.provider.tell(now=int(now.timestamp()), **told)
        departure = self.sign_on.depart("/leads", now)
        return self.arrive(departure.kept, self.provider.visit(departure.address), now)

    def arrive(self, kept: str, answer: dict[str, str], now: datetime = NOON) -> Account:
        def open_login(session, account: Account) -> Account:
            self.identity.sessions.open_at_console(session, account, "10.20.3.4", "Firefox", now)
            return account

        account, to = self.sign_on.arrive(self.database, kept, answer, "10.20.3.4", now, open_login)
        assert to == "/leads"
        return account

    def accounts(self) -> list[Account]:
        with self.database.read() as session:
            return list(session.scalars(select(Account)))


@pytest.fixture
def node(database: Database, provider: Provider) -> Iterator[Node]:
    node = Node(database, provider)
    yield node
    node.ours.close()


def test_who_comes_the_first_time_gets_an_account_with_the_roles_of_their_groups(node: Node):
    account = node.enter()

    assert (account.username, account.name, account.roles) == ("lin.xiaoman", "林小满", ["liaison_officer"])
    assert (account.kind, account.must_change_password, account.credential) == ("user", False, "")
    assert node.enter().id == account.id, "known again by the provider's subject"
    assert len(node.accounts()) == 1


def test_the_way_out_carries_a_challenge_a_state_and_a_nonce_and_never_the_secret(node: Node):
    first, second = (node.sign_on.depart("/", NOON) for _ in range(2))

    for wanted in (
        "code_challenge_method=S256",
        "response_type=code",
        "scope=openid+profile",
        f"client_id={CLIENT_ID}",
    ):
        assert wanted in first.address
    assert "secret" not in first.address
    assert first.address.split("&state=")[1] != second.address.split("&state=")[1]


def test_roles_follow_the_groups_at_each_sign_in(node: Node):
    assert node.enter().roles == ["liaison_officer"]
    assert node.enter(user=LIN | {"groups": ["局领导"], "name": "林小满 "}).roles == ["approver", "chief"]

    with node.database.read() as session:
        entry = session.scalars(select(AccessRow).where(AccessRow.reason == "changed")).one()
        assert (entry.actor, entry.details["roles_before"], entry.details["roles_after"]) == (
            "identity-provider",
            "liaison_officer",
            "approver chief",
        )


@pytest.mark.parametrize("groups", [[], ["食堂"], None])
def test_whose_groups_give_no_role_gets_no_account(node: Node, groups):
    with pytest.raises(NoRoleError):
        node.enter(user=LIN | {"groups": groups})

    assert node.accounts() == []


def test_who_lost_the_last_group_is_out_everywhere(node: Node):
    account = node.enter()
    with node.database.begin() as session:
        held = session.get_one(Account, account.id)
        token = node.identity.sessions.open(session, held, "10.20.3.4", NOON).token

    with pytest.raises(NoRoleError):
        node.enter(user=LIN | {"groups": []})

    with node.database.read() as session, pytest.raises(UnauthenticatedError):
        node.identity.sessions.authenticate(session, token, NOON)


def test_an_account_that_was_shut_here_stays_shut_whatever_the_provider_says(node: Node):
    account = node.enter()
    with node.database.begin() as session:
        held = node.identity.accounts.get(session, AccountKind.USER, account.id)
        node.identity.accounts.disable(session, held, by=CONSOLE, now=NOON)

    with pytest.raises(NoRoleError):
        node.enter()


def test_the_provider_takes_over_no_account_that_has_a_password(node: Node):
    with node.database.begin() as session:
        node.identity.accounts.add_user(
            session,
            username="lin.xiaoman",
            name="林小满",
            roles=[Role.ADMINISTRATOR],
            password_hash="x",
            by=CONSOLE,
            now=NOON,
        )

    with pytest.raises(ConflictError):
        node.enter()


def test_another_person_of_the_same_name_is_not_let_into_the_first_ones_account(node: Node):
    node.enter()

    with pytest.raises(ConflictError):
        node.enter(user=LIN | {"sub": "another"})


@pytest.mark.parametrize("username", ["林小满", "x", "a b", "../etc"])
def test_a_name_that_cannot_be_one_here_is_refused_and_not_bent(node: Node, username):
    with pytest.raises(InvalidError):
        node.enter(user=LIN | {"preferred_username": username})


def test_an_account_of_the_providers_opens_by_no_password_and_gets_none(node: Node):
    account = node.enter()
    for password in ("", "x"):
        with pytest.raises(WrongCredentialsError):
            node.identity.logins.log_in(node.database, AccountKind.USER, account.username, password, "10.1.1.1", NOON)
    with node.database.begin() as session:
        held = node.identity.accounts.get(session, AccountKind.USER, account.id)
        with pytest.raises(ConflictError):
            node.identity.accounts.reset_password(session, held, password_hash="x", by=CONSOLE, now=NOON)


def test_an_administrator_of_the_providers_does_not_make_the_local_one_superfluous(node: Node):
    with node.database.begin() as session:
        local = node.identity.accounts.add_user(
            session,
            username="admin",
            name="管理员",
            roles=[Role.ADMINISTRATOR],
            password_hash="x",
            by=CONSOLE,
            now=NOON,
        )
    assert node.enter(user=LIN | {"groups": ["信息科"]}).roles == ["administrator"]

    with node.database.begin() as session:
        held = node.identity.accounts.get(session, AccountKind.USER, local.id)
        with pytest.raises(ConflictError):
            node.identity.accounts.disable(session, held, by=CONSOLE, now=NOON)


@pytest.mark.parametrize(
    "lie",
    [
        "another state",
        "refuses",
        "no token",
        "another nonce",
        "without nonce",
        "another issuer",
        "another audience",
        "two audiences",
        "meant for another",
        "expired",
        "long ago",
        "from the future",
        "without end",
        "without subject",
        "without name",
        "signed by nobody",
        "signed by another",
        "signed with an unknown key",
        "signed with what is published",
        "one byte changed",
        "keys are no keys",
    ],
)
def test_an_answer_that_proves_nothing_lets_nobody_in(node: Node, lie):
    with capture_logs() as told, pytest.raises(SignOnRefusedError) as caught:
        node.enter(lie=lie)

    assert node.accounts() == []
    assert [entry["event"] for entry in told] == ["sign-on refused"]
    assert "begin again" in caught.value.detail_en, "a person is not told why"


@pytest.mark.parametrize(
    "lie", ["calls itself another", "keys elsewhere", "description elsewhere", "no json", "huge", "down"]
)
def test_a_provider_that_does_not_hold_to_its_own_addresses_is_not_used(node: Node, lie):
    with pytest.raises(ProviderUnavailableError):
        node.enter(lie=lie)
    assert set(node.provider.asked()) <= {"description"}


def test_no_redirect_is_followed_with_the_secret_in_hand(node: Node):
    with capture_logs() as told, pytest.raises(ProviderUnavailableError):
        node.enter(lie="token elsewhere")
    assert told[0]["why"] == "it answers 307"  # and not that the address it leads to is forbidden


def test_a_provider_that_does_not_answer_holds_nobody_up(node: Node, monkeypatch):
    monkeypatch.setattr(provider_module, "DEADLINE_S", 0.2)

    with pytest.raises(ProviderUnavailableError):
        node.enter(lie="slow")


def test_only_the_networks_that_were_named_are_called(database: Database, provider: Provider):
    node = Node(database, provider, allowed="10.0.0.0/8")

    with capture_logs() as told, pytest.raises(ProviderUnavailableError):
        node.enter()
    assert "not in ECOLINK_OIDC_NETWORKS" in told[0]["why"]
    node.ours.close()


def test_a_new_key_is_asked_for_once_and_then_believed(node: Node):
    node.enter()
    node.provider.tell(lie="new key", now=int(NOON.timestamp()))
    later = NOON + timedelta(minutes=1)

    assert node.enter(later).username == "lin.xiaoman"
    assert node.provider.asked() == ["token", "keys"]


def test_unknown_keys_make_us_ask_no_more_than_twice_a_minute(node: Node):
    node.enter()
    later = NOON + timedelta(minutes=1)
    node.provider.tell(lie="signed with an unknown key", now=int(later.timestamp()))
    for _ in range(3):
        with pytest.raises(SignOnRefusedError):
            node.enter(later)

    assert node.provider.asked().count("keys") == 1


def test_what_another_browser_was_sent_out_with_opens_nothing(node: Node):
    ours, theirs = (node.sign_on.depart("/leads", NOON) for _ in range(2))
    answer = node.provider.visit(theirs.address)

    for kept in (ours.kept, "", "x", theirs.kept[:-1]):
        with pytest.raises(SignOnRefusedError):
            node.arrive(kept, answer)
    assert node.arrive(theirs.kept, answer).username == "lin.xiaoman"


def test_a_code_is_good_once(node: Node):
    departure = node.sign_on.depart("/leads", NOON)
    answer = node.provider.visit(departure.address)
    node.arrive(departure.kept, answer)

    with pytest.raises(SignOnRefusedError):
        node.arrive(departure.kept, answer)


def test_who_takes_longer_than_ten_minutes_begins_again(node: Node):
    departure = node.sign_on.depart("/leads", NOON)
    answer = node.provider.visit(departure.address)

    with pytest.raises(SignOnRefusedError):
        node.arrive(departure.kept, answer, NOON + timedelta(minutes=10, seconds=1))


def test_signing_out_leads_by_the_provider_and_back(node: Node):
    address = node.ours.address_to_leave(NOON)

    assert address is not None
    assert address.startswith(f"{node.provider.issuer}/leave?client_id=ecolink&post_logout_redirect_uri=https%3A%2F%2F")


def test_a_sign_in_stands_in_the_access_log_with_who_vouched(node: Node):
    account = node.enter()

    with node.database.read() as session:
        entry = session.scalars(select(AccessRow).where(AccessRow.action == "login")).one()
        assert (entry.object_id, entry.details) == (account.id, {"source": "10.20.3.4", "by": "identity provider"})


def test_a_fresh_sign_in_stands_for_the_password_one_does_not_have(node: Node):
    account = node.enter()
    with node.database.begin() as session:
        held = session.get_one(Account, account.id)
        token = node.identity.sessions.open(session, held, "10.20.3.4", NOON).token
    with node.database.read() as session:
        by = node.identity.sessions.authenticate(session, token, NOON)

    def proven(after: timedelta) -> bool:
        return node.identity.logins.prove(node.database, by, "anything", "10.20.3.4", NOON + after)

    assert proven(timedelta(minutes=5))
    assert not proven(timedelta(minutes=5, seconds=1))
