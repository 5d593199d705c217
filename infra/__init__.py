"""The machinery: storage, records, workers, video files. It knows nothing about faces."""
