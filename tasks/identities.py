"""Names of people. Where all faces of a video are followed, each is a person of its own: `person_f0`, `person_f1`."""


def numbered(person: str, face: int | None) -> str:
    """The identity of a clip; `face` is the number of the face in its video, None where only one is followed."""
    return person if face is None else f"{person}_f{face}"


def person_of(identity: str, face: int | None) -> str:
    """The name before the number."""
    return identity if face is None else identity.removesuffix(f"_f{face}")
