"""Turn each crop of a batch into an embedding."""

import numpy as np
from tqdm import tqdm

from stages.core.embedding import embed_batch, features_of
from stages.files.console import run_stage
from stages.files.crops import decode_crop, read_crops
from stages.files.params import read_params
from stages.files.tables import EMBEDDINGS_DIR, read_batch, write_array
from stages.files.weights import load_network, pick_device


def main(batch: str) -> None:
    """Write `data/embeddings/<batch>.npy`, a row a face in the order of the face table."""
    settings = read_params()
    wanted = settings.embed
    device = pick_device(wanted.device)
    network = load_network(wanted, device)
    forward = features_of(network, wanted, settings.extract_faces.margin)
    face_ids = read_batch(batch)["face_id"].tolist()
    crops = read_crops(batch, face_ids)
    parts = []
    with tqdm(total=len(face_ids), desc=f"embed {batch}", unit="face", disable=None) as progress:
        for start in range(0, len(face_ids), wanted.batch_size):
            n = min(wanted.batch_size, len(face_ids) - start)
            pixels = np.stack([decode_crop(next(crops)) for _ in range(n)])
            features = embed_batch(forward, pixels, device, wanted.precision)
            parts.append(features.astype(wanted.stored_as))
            progress.update(n)
    embeddings = np.concatenate(parts) if parts else np.zeros((0, 1), wanted.stored_as)
    write_array(embeddings, EMBEDDINGS_DIR / f"{batch}.npy")
    print(f"embed {batch}: {embeddings.shape[0]} faces x {embeddings.shape[1]} ({wanted.model})")


if __name__ == "__main__":
    run_stage(main)
